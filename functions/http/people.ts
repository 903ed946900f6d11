import { z } from 'zod';
import { defineRoute } from '../../shared/http/route';
import { EraseId } from '../../shared/ids';
import { EraseRequest, ErasureView } from '../../shared/people/erasure';
import type { Erasures } from '../../shared/people/erasures';
import { PersonTrace, TraceRequest } from '../../shared/people/person-trace';
import type { Trace } from '../../shared/people/trace';
import type { Router } from './register-route';

const tracePerson = defineRoute({
  operation: 'tracePerson',
  method: 'POST',
  records: 'person_traced',
  path: 'api/people/trace',
  summary:
    'Where one person is: segments, how mapped, sent by which run, refused why, on which lists since when; takes seconds, and is logged',
  who: 'Administrator',
  body: TraceRequest,
  answers: { 200: { description: 'What is known; holds personal data', schema: PersonTrace } },
});

const erasePerson = defineRoute({
  operation: 'erasePerson',
  method: 'POST',
  records: 'person_erase_requested',
  path: 'api/people/erase',
  summary:
    'Takes one person out of every member state and report and, on request, off every list that was fed; stops runs that carry the person',
  who: 'Administrator',
  body: EraseRequest,
  idempotent: true,
  answers: { 202: { description: 'It is done within minutes', schema: ErasureView, location: true } },
});
const getErasure = defineRoute({
  operation: 'getErasure',
  method: 'GET',
  path: 'api/people/erase/{id}',
  summary: 'How far an erasure is, and whether the person still stands in the source',
  who: 'Administrator',
  params: z.object({ id: EraseId }),
  answers: { 200: { description: 'The erasure, without the address', schema: ErasureView } },
});

export const registerPeople = ({ route }: Router, { trace, erasures }: { trace: Trace; erasures: Erasures }): void => {
  route(erasePerson).to(async ({ body, caller, record, signal }) => {
    const erasure = await erasures.request(body, { caller, record, signal });
    return { status: 202, body: erasure, location: `/api/people/erase/${erasure.id}` };
  });
  route(getErasure).to(async ({ params: { id }, signal }) => ({ status: 200, body: await erasures.get(id, { signal }) }));
  route(tracePerson).to(async ({ body: { email }, record, signal }) => ({ status: 200, body: await trace(email, { record, signal }) }));
};
