import { RunDocument, noCounts } from '../../../shared/runs/run';

/** A run that has just begun. */
export const aDocument = (): RunDocument =>
  RunDocument.parse({
    version: 1,
    run: {
      id: 'run_0000000001',
      exportId: 'exp_0000000001',
      number: 7,
      state: 'refreshing',
      phase: 'submit',
      dryRun: false,
      full: false,
      trigger: { kind: 'onDemand', by: 'tester' },
      counts: noCounts(),
      throttled: 0,
      submittedAt: '2026-11-23T00:00:00.000Z',
    },
    config: {
      exportName: 'VIP',
      connectionId: 'con_0000000001',
      accountId: 'AbC123',
      listId: 'YafG4m',
      segments: ['HighValue'],
      mapping: { email: 'EMail' },
      membership: 'add',
      maxProfiles: 1_000_000,
    },
    turn: 1,
    starts: 1,
    attempt: 1,
  });
