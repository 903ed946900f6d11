import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
  makeStyles,
  tokens,
} from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { LoggedActivity } from '../../../../../shared/activity/entry';
import { changedFields, shortly } from '../../components/changed-fields';
import { DataTable } from '../../components/data-table';

/** More are told in a dialog. */
const SHOWN = 2;

const useStyles = makeStyles({
  list: { margin: 0, padding: 0, listStyleType: 'none', fontSize: tokens.fontSizeBase200 },
  was: { textDecorationLine: 'line-through', color: tokens.colorNeutralForeground3 },
  value: { whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  surface: { maxWidth: '900px' },
});

const whole = (value: unknown): string => (value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** What an entry says beside who and when: the fields that changed, before and after, and its small facts. */
export const ChangedCell = ({ entry }: { entry: LoggedActivity }) => {
  const styles = useStyles();
  const t = useTranslations('access.activity');
  const common = useTranslations('common');
  const fields = changedFields(entry);
  const details = Object.entries(entry.details ?? {});
  const isCut =
    fields.length > SHOWN ||
    fields.some(({ before, after }) => [before, after].some((value) => value !== undefined && whole(value) !== shortly(value)));
  if (fields.length === 0 && details.length === 0 && entry.reason === undefined) return '–';
  return (
    <div>
      {entry.reason !== undefined && <div>{entry.reason}</div>}
      <ul className={styles.list}>
        {details.map(([name, value]) => (
          <li key={name}>
            {name}: {String(value)}
          </li>
        ))}
        {fields.slice(0, SHOWN).map(({ name, before, after }) => (
          <li key={name}>
            {name}: {before !== undefined && <del className={styles.was}>{shortly(before)}</del>}{' '}
            {after !== undefined && <span>{shortly(after)}</span>}
          </li>
        ))}
      </ul>
      {isCut && (
        <Dialog modalType="modal">
          <DialogTrigger disableButtonEnhancement>
            <Button size="small" appearance="subtle">
              {t('showChanges', { count: fields.length })}
            </Button>
          </DialogTrigger>
          <DialogSurface className={styles.surface}>
            <DialogBody>
              <DialogTitle>{t('changesOf', { name: entry.name ?? entry.kind })}</DialogTitle>
              <DialogContent>
                <DataTable
                  label={t('changed')}
                  items={fields}
                  keyOf={({ name }) => name}
                  columns={[
                    { id: 'field', header: t('field'), cell: ({ name }) => name },
                    { id: 'before', header: t('before'), cell: ({ before }) => <span className={styles.value}>{whole(before)}</span> },
                    { id: 'after', header: t('after'), cell: ({ after }) => <span className={styles.value}>{whole(after)}</span> },
                  ]}
                />
              </DialogContent>
              <DialogActions>
                <DialogTrigger disableButtonEnhancement>
                  <Button appearance="primary">{common('close')}</Button>
                </DialogTrigger>
              </DialogActions>
            </DialogBody>
          </DialogSurface>
        </Dialog>
      )}
    </div>
  );
};
