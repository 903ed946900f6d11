import { Link as FluentLink, makeStyles, tokens } from '@fluentui/react-components';
import { CheckmarkCircleRegular, DismissCircleRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useConnections } from '../../api/connections';
import { Card } from '../../components/card';
import { CopyButton } from '../../components/copy-button';
import { DataTable } from '../../components/data-table';
import { ProblemMessage } from '../../components/problem-message';
import { COLUMNS, roleMatrix } from './role-matrix';
import type { MatrixColumn, MatrixRow } from './role-matrix';

/** Microsoft Entra's own pages, where roles of applications are assigned. */
const ENTRA = 'https://entra.microsoft.com/#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview';

/** Microsoft Graph: "Grant an appRoleAssignment for a service principal". */
const COMMAND = `az rest --method POST \\
  --url "https://graph.microsoft.com/v1.0/servicePrincipals/<enterprise application's object id>/appRoleAssignedTo" \\
  --body '{"principalId":"<object id of the person, group or application>","resourceId":"<enterprise application's object id>","appRoleId":"<id of the role>"}'`;

const useStyles = makeStyles({
  yes: { color: tokens.colorStatusSuccessForeground1, display: 'inline-flex', alignItems: 'center', gap: '4px' },
  no: { color: tokens.colorNeutralForeground3, display: 'inline-flex', alignItems: 'center', gap: '4px' },
  code: {
    margin: 0,
    padding: tokens.spacingHorizontalM,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
  },
  command: { display: 'flex', alignItems: 'start', gap: tokens.spacingHorizontalS, '& pre': { flexGrow: 1 } },
  words: { maxWidth: '80ch', margin: `0 0 ${tokens.spacingVerticalM}` },
});

const Mark = ({ allowed }: { allowed: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('access.roles');
  return (
    <span className={allowed ? styles.yes : styles.no}>
      {allowed ? <CheckmarkCircleRegular aria-hidden /> : <DismissCircleRegular aria-hidden />}
      {t(allowed ? 'yes' : 'no')}
    </span>
  );
};

const ConnectionsCard = () => {
  const t = useTranslations('access.roles');
  const connections = useConnections();
  return (
    <Card title={t('connections')}>
      <ProblemMessage error={connections.error} onRetry={() => void connections.refetch()} />
      {connections.data?.length === 0 && <p>{t('noConnections')}</p>}
      {connections.data !== undefined && connections.data.length > 0 && (
        <DataTable
          label={t('connections')}
          items={connections.data}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'name',
              header: t('connection'),
              cell: ({ id, displayName }) => <Link href={`/connections/${id}`}>{displayName}</Link>,
            },
            {
              id: 'access',
              header: t('mayUse'),
              cell: ({ access }) => t(access === 'administratorsAndContributors' ? 'shared' : 'notShared'),
            },
          ]}
        />
      )}
    </Card>
  );
};

/** Who may do what: the matrix, where roles are given, and who may use which connection. */
const RolesTab = () => {
  const styles = useStyles();
  const t = useTranslations('access.roles');
  return (
    <>
      <Card title={t('matrix')}>
        <p className={styles.words}>{t('matrixText')}</p>
        <DataTable<MatrixRow>
          label={t('matrix')}
          items={roleMatrix}
          keyOf={({ id }) => id}
          columns={[
            { id: 'action', header: t('action'), cell: ({ id }) => t(`actions.${id as (typeof roleMatrix)[number]['id']}`), width: '40%' },
            ...COLUMNS.map((column: MatrixColumn) => ({
              id: column,
              header: t(`columns.${column}`),
              cell: ({ allowed }: MatrixRow) => <Mark allowed={allowed[column]} />,
            })),
          ]}
        />
      </Card>
      <Card title={t('assign')}>
        <p className={styles.words}>{t('assignText')}</p>
        <p className={styles.words}>
          <FluentLink href={ENTRA} target="_blank" rel="noreferrer">
            {t('assignLink')}
          </FluentLink>
        </p>
        <p className={styles.words}>{t('commandText')}</p>
        <div className={styles.command}>
          <pre className={styles.code}>{COMMAND}</pre>
          <CopyButton text={COMMAND} label={t('copyCommand')} />
        </div>
      </Card>
      <ConnectionsCard />
    </>
  );
};

export default RolesTab;
