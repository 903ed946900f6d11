import { z } from 'zod';
import type { ConfigurationDocuments } from '../../shared/configuration/configuration';
import { Configuration, ConfigurationPlan, SavedConfiguration } from '../../shared/configuration/document';
import { defineRoute } from '../../shared/http/route';
import type { Router } from './register-route';

/** A thousand exports take about one megabyte. */
const MAX_BODY_BYTES = 8_000_000;

const Flag = z.enum(['true', 'false']);

const getConfiguration = defineRoute({
  operation: 'getConfiguration',
  method: 'GET',
  path: 'api/configuration',
  summary: 'All that was set up, without secrets, as one document that is fit to be kept in Git',
  who: 'Administrator',
  answers: {
    200: { description: 'The configuration; its ETag is the same wherever the same is set up', schema: SavedConfiguration, etag: true },
  },
});
const setConfiguration = defineRoute({
  operation: 'setConfiguration',
  method: 'PUT',
  path: 'api/configuration',
  summary: 'Says what a document changes here and, with dryRun=false, does it; nothing is done while anything stands in the way',
  who: 'Administrator',
  records: 'configuration_applied',
  query: z.strictObject({
    /** false: the plan is carried out */
    dryRun: Flag.default('true'),
    /** true: what the document does not name is removed */
    prune: Flag.default('false'),
  }),
  body: Configuration,
  maxBodyBytes: MAX_BODY_BYTES,
  ifMatch: 'optional',
  answers: { 200: { description: 'The plan, and the ETag of the configuration as it is now', schema: ConfigurationPlan, etag: true } },
});

export const registerConfiguration = ({ route }: Router, { configuration }: { configuration: ConfigurationDocuments }): void => {
  route(getConfiguration).to(async ({ signal }) => {
    const { value, etag } = await configuration.get({ signal });
    return { status: 200, body: value, etag };
  });
  route(setConfiguration).to(async ({ query: { dryRun, prune }, body, ifMatch, caller, record, signal }) => {
    const options = { dryRun: dryRun === 'true', prune: prune === 'true', caller, record, signal };
    const { value, etag, told } = await configuration.put(body, { ...options, ...(ifMatch === undefined ? {} : { ifMatch }) });
    return { status: 200, body: value, etag, activity: told };
  });
};
