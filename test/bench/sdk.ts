import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { ApiKeySession, ProfileEnum, ProfilesApi } from 'klaviyo-api';
import { cpuMs, peakRssMb } from './measure';
import { type PeerTask, report, task } from './protocol';

/**
 * What one writes after the README of the official SDK: read the file, 10,000 profiles a job, one call after the other. It checks no
 * address and drops no duplicate, so it does less than we do.
 */
const main = async (): Promise<void> => {
  const { files, url } = task<PeerTask>();
  const profilesApi = new ProfilesApi(new ApiKeySession('pk_sandbox_full'));
  if (url !== undefined) profilesApi.basePath = url;
  const wall = performance.now();
  const cpu = cpuMs();
  let rows = 0;

  const send = (profiles: ReturnType<typeof toProfile>[]) =>
    profilesApi.bulkImportProfiles({
      data: {
        type: 'profile-bulk-import-job',
        attributes: { profiles: { data: profiles } },
        relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
      },
    });
  const toProfile = (row: Record<string, string>) => ({
    type: ProfileEnum.Profile,
    attributes: {
      email: row.EMail,
      firstName: row.FirstName || undefined,
      lastName: row.LastName || undefined,
      phoneNumber: row.Telephone || undefined,
      location: { city: row.City || undefined, country: row.Country || undefined },
      properties: {
        loyalty_tier: row.LoyaltyTier,
        total_spend: row.TotalSpend ? Number(row.TotalSpend) : undefined,
        last_purchase: row.LastPurchase,
      },
    },
  });

  let batch: ReturnType<typeof toProfile>[] = [];
  for (const file of files) {
    for await (const row of createReadStream(file).pipe(parse({ columns: true, bom: true })) as AsyncIterable<Record<string, string>>) {
      batch.push(toProfile(row));
      rows += 1;
      if (batch.length < 10_000) continue;
      await send(batch);
      batch = [];
    }
  }
  if (batch.length > 0) await send(batch);
  report({ rows, wallMs: performance.now() - wall, cpuMs: cpuMs() - cpu, rssMb: peakRssMb() });
};

void main();
