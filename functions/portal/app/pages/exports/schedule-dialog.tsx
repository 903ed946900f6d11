import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  makeStyles,
  Radio,
  RadioGroup,
  Spinner,
  tokens,
} from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import { ExportSchedule } from '../../../../../shared/schedules/schedule';
import type { Recurrence } from '../../../../../shared/schedules/schedule';
import type { SchedulesChange } from '../../../../../shared/schedules/set-schedules';
import { useFieldProblem } from '../../components/problem-text';
import { ProblemMessage } from '../../components/problem-message';
import { defaultRecurrence } from '../../components/default-recurrence';
import { useFocusBack } from '../../components/focus-back';
import { RecurrenceFields } from '../../components/recurrence-fields';
import { useScheduleText } from '../../components/schedule-text';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';

type Choice = 'on' | 'off' | 'system' | 'custom';
const choices: readonly Choice[] = ['on', 'off', 'system', 'custom'];

const useStyles = makeStyles({
  content: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
});

const firstRecurrence = (exports: readonly ListedExport[]): Recurrence => {
  const own = exports.find(({ schedule }) => schedule.kind === 'custom')?.schedule;
  if (own?.kind === 'custom') {
    const { kind: _, ...recurrence } = own;
    return recurrence;
  }
  return defaultRecurrence();
};

const changeOf = (choice: Choice, exports: readonly ListedExport[], recurrence: Recurrence): SchedulesChange => {
  const exportIds = exports.map(({ id }) => id);
  if (choice === 'on' || choice === 'off') return { mode: 'keep', exportIds, active: choice === 'on' };
  return { mode: 'set', exportIds, schedule: choice === 'system' ? { kind: 'system' } : { kind: 'custom', ...recurrence } };
};

/** When one export or several run by themselves: their own schedules on or off, or the same for all (customer-insights.md X3). */
export const ScheduleDialog = ({
  exports,
  onSave,
  onClose,
}: {
  exports: readonly ListedExport[];
  /** false: something else takes this dialog's place */
  onSave: (change: SchedulesChange) => Promise<boolean>;
  onClose: () => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exports.scheduling');
  const fieldProblem = useFieldProblem();
  useFocusBack();
  const common = useTranslations('common');
  const textOf = useScheduleText();
  const [first] = exports;
  const count = exports.length;
  const [choice, setChoice] = useState<Choice>(count > 1 ? 'on' : first?.schedule.kind === 'custom' ? 'custom' : 'system');
  const [recurrence, setRecurrence] = useState(() => firstRecurrence(exports));
  const validate = useValidation();
  const [problems, setProblems] = useState<FormProblems>(new Map());
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const problemOf = (field: string): string | undefined => {
    const wrong = [...problems].find(([pointer]) => pointer === `/${field}` || pointer.startsWith(`/${field}/`));
    return wrong?.[1] ?? fieldProblem(error, `/schedule/${field}`);
  };
  const save = async (): Promise<void> => {
    setError(undefined);
    const change = changeOf(choice, exports, recurrence);
    const found: FormProblems = change.mode === 'set' ? validate(ExportSchedule, change.schedule) : new Map();
    setProblems(found);
    if (found.size > 0) return;
    setBusy(true);
    try {
      if (await onSave(change)) onClose();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog open modalType="alert" onOpenChange={(_, { open }) => !open && !busy && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t('title', { count, name: first?.name ?? '' })}</DialogTitle>
          <DialogContent className={styles.content}>
            {count === 1 && first !== undefined && <span>{t('now', { schedule: textOf(first.schedule) })}</span>}
            <Field label={t('what')}>
              <RadioGroup value={choice} onChange={(_, { value }) => setChoice(value as Choice)}>
                {choices.map((one) => (
                  <Radio key={one} value={one} label={t(`choices.${one}`, { count })} />
                ))}
              </RadioGroup>
            </Field>
            {choice === 'custom' && <RecurrenceFields value={recurrence} onChange={setRecurrence} problem={problemOf} />}
            <span>{t('runsNothing')}</span>
            <ProblemMessage error={error} />
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" disabled={busy} icon={busy ? <Spinner size="tiny" /> : undefined} onClick={() => void save()}>
              {common('save')}
            </Button>
            <Button disabled={busy} onClick={onClose}>
              {common('cancel')}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
