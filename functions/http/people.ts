import { defineRoute } from '../../shared/http/route';
import { PersonTrace, TraceRequest } from '../../shared/people/person-trace';
import type { Trace } from '../../shared/people/trace';
import type { Router } from './register-route';

const tracePerson = defineRoute({
  operation: 'tracePerson',
  method: 'POST',
  path: 'api/people/trace',
  summary:
    'Where one person is: segments, how mapped, sent by which run, refused why, on which lists since when; takes seconds, and is logged',
  who: 'Administrator',
  body: TraceRequest,
  answers: { 200: { description: 'What is known; holds personal data', schema: PersonTrace } },
});

export const registerPeople = ({ route }: Router, { trace }: { trace: Trace }): void => {
  route(tracePerson).to(async ({ body: { email }, caller, signal }) => ({ status: 200, body: await trace(email, { caller, signal }) }));
};
