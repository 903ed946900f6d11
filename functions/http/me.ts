import { Caller } from '../../shared/caller';
import { defineRoute } from '../../shared/http/route';
import type { Router } from './register-route';

const getMe = defineRoute({
  operation: 'getMe',
  method: 'GET',
  path: 'api/me',
  summary: 'Who you are here and which role you have',
  who: 'Viewer',
  answers: { 200: { description: 'You', schema: Caller } },
});

export const registerMe = ({ route }: Router): void => {
  route(getMe).to(({ caller }) => Promise.resolve({ status: 200, body: caller }));
};
