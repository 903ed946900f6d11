import { Checkbox, Field, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useMay } from '../../api/session';
import { useSetting } from '../../api/settings';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalS, '& p': { margin: 0 } },
  note: { color: tokens.colorNeutralForeground2, overflowWrap: 'anywhere' },
});

/** Which channels are told of this export beside those that are told of all. Only administrators make channels. */
export const ChannelChoice = ({
  chosen,
  problem,
  onChoose,
}: {
  chosen: readonly string[];
  problem: string | undefined;
  onChoose: (ids: readonly string[]) => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.behaviour');
  const format = useFormatter();
  const administrator = useMay('Administrator');
  const settings = useSetting('notifications');
  if (settings.data === undefined) {
    return settings.error === null ? (
      <Spinner size="tiny" aria-busy="true" />
    ) : (
      <ProblemMessage error={settings.error} onRetry={() => void settings.refetch()} />
    );
  }
  const { channels } = settings.data.body;
  const ofAll = channels.filter(({ scope }) => scope === 'all').map(({ name }) => name);
  // one that was chosen before it was told of all can be left out
  const offered = channels.filter(({ id, scope }) => scope === 'chosen' || chosen.includes(id));
  return (
    <div className={styles.box}>
      <p className={styles.note}>{ofAll.length === 0 ? t('tellNobody') : t('tellAll', { names: format.list(ofAll) })}</p>
      {offered.length === 0 ? (
        <p className={styles.note}>
          {t('tellNoChoice')} {administrator && <Link href="/settings?tab=notifications">{t('tellSettings')}</Link>}
        </p>
      ) : (
        <Field label={t('tellAlso')} validationMessage={problem}>
          <div role="group" aria-label={t('tellAlso')}>
            {offered.map(({ id, name, host }) => (
              <div key={id}>
                <Checkbox
                  label={host === undefined ? name : `${name} (${host})`}
                  checked={chosen.includes(id)}
                  onChange={(_, { checked }) => onChoose(checked === true ? [...chosen, id] : chosen.filter((one) => one !== id))}
                />
              </div>
            ))}
          </div>
        </Field>
      )}
    </div>
  );
};
