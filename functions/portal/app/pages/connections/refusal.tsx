import { ApiError } from '../../api/client';
import type { Check } from '../../api/connections';
import { ProblemMessage } from '../../components/problem-message';
import { Checklist } from './checklist';

/** Why a key was not taken: the sentence, and the checklist as far as it came. */
export const Refusal = ({ error }: { error: unknown }) => {
  const checks = error instanceof ApiError ? (error.problem?.details?.checks as readonly Check[] | undefined) : undefined;
  return (
    <div style={{ display: 'flex', flexDirection: 'column', rowGap: '12px' }}>
      <ProblemMessage error={error} />
      {Array.isArray(checks) && <Checklist checks={checks} />}
    </div>
  );
};
