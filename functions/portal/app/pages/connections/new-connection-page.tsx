import {
  Button,
  Field,
  Input,
  makeStyles,
  MessageBar,
  MessageBarBody,
  Radio,
  RadioGroup,
  Spinner,
  tokens,
} from '@fluentui/react-components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import type { SubmitEvent } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { NewConnection } from '../../../../../shared/connections/connection';
import type { CheckedConnection } from '../../../../../shared/connections/connection-view';
import { ApiError, request } from '../../api/client';
import { connectionKeys, useConsent } from '../../api/connections';
import { Card } from '../../components/card';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { useFieldProblem } from '../../components/problem-text';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';
import { Checklist } from './checklist';
import { KeyFields, keyOf } from './key-fields';
import type { KeySource } from './key-fields';
import { KeyHelp } from './key-help';
import { Refusal } from './refusal';
import { Statement } from './statement';

const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL, maxWidth: '720px' },
  part: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  actions: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM, alignItems: 'center' },
});

type Access = NonNullable<NewConnection['access']>;

const Connected = ({ connection }: { connection: CheckedConnection }) => {
  const styles = useStyles();
  const t = useTranslations('connections');
  return (
    <Page title={t('connectedTitle', { name: connection.displayName })} up={{ href: '/connections', text: t('title') }}>
      <MessageBar intent="success" layout="multiline" role="status">
        <MessageBarBody>{t('connected', { account: connection.accountName })}</MessageBarBody>
      </MessageBar>
      <Card title={t('checklist')}>
        <Checklist checks={connection.checks} />
      </Card>
      <div className={styles.actions}>
        <Link href={`/exports/new?connection=${connection.id}`}>{t('nextExport')}</Link>
        <Link href={`/connections/${connection.id}`}>{t('openConnection')}</Link>
      </div>
    </Page>
  );
};

/** An administrator connects an account of Klaviyo. The key is in this form only, and leaves it with the one request. */
const NewConnectionPage = () => {
  const styles = useStyles();
  const t = useTranslations('connections');
  const client = useQueryClient();
  const consent = useConsent();
  const validate = useValidation();
  const fieldProblem = useFieldProblem();
  const [displayName, setDisplayName] = useState('');
  const [access, setAccess] = useState<Access>('administrators');
  const [key, setKey] = useState<KeySource>({ kind: 'typed', apiKey: '' });
  const [agreed, setAgreed] = useState(false);
  const [problems, setProblems] = useState<FormProblems>(new Map());
  // one key per content: a second click, or a try after a lost answer, makes no second connection
  const attempt = useRef({ content: '', idempotencyKey: '' });
  const create = useMutation({
    mutationFn: async (body: NewConnection) => {
      const content = JSON.stringify(body);
      if (attempt.current.content !== content) attempt.current = { content, idempotencyKey: crypto.randomUUID() };
      const { body: made } = await request<CheckedConnection>('POST', '/connections', {
        body,
        idempotencyKey: attempt.current.idempotencyKey,
      });
      return made;
    },
    gcTime: 0, // what was sent holds the key
    onError: (error) => {
      // a refusal is an answer: the next try is a new request; without an answer it is the same one
      if (error instanceof ApiError) attempt.current = { content: '', idempotencyKey: '' };
    },
    onSuccess: () => {
      // the key is nowhere any more, though the page stays
      setKey({ kind: 'typed', apiKey: '' });
      attempt.current = { content: '', idempotencyKey: '' };
      void client.invalidateQueries({ queryKey: connectionKeys.all });
    },
  });
  if (create.data !== undefined) return <Connected connection={create.data} />;

  const problem = (pointer: string) => problems.get(pointer) ?? fieldProblem(create.error, pointer);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const body = {
      displayName,
      type: 'klaviyo' as const,
      access,
      ...keyOf(key),
      agreed: true as const,
      ...(consent.data === undefined ? {} : { consentVersion: consent.data.version }),
    };
    const found = validate(NewConnection, body);
    setProblems(found);
    if (found.size === 0) create.mutate(body);
  };
  const outdated = create.error instanceof ApiError && create.error.code === 'consent_outdated';
  return (
    <Page title={t('newTitle')} up={{ href: '/connections', text: t('title') }}>
      <form className={styles.form} onSubmit={submit} noValidate>
        <Card title={t('partName')}>
          <div className={styles.part}>
            <Field label={t('name')} hint={t('nameHint')} required validationMessage={problem('/displayName')}>
              <Input value={displayName} onChange={(_, { value }) => setDisplayName(value)} disabled={create.isPending} />
            </Field>
            <Field label={t('whoMayUse')}>
              <RadioGroup value={access} onChange={(_, { value }) => setAccess(value as Access)} disabled={create.isPending}>
                <Radio value="administrators" label={t('accesses.administrators')} />
                <Radio value="administratorsAndContributors" label={t('accesses.administratorsAndContributors')} />
              </RadioGroup>
            </Field>
          </div>
        </Card>
        <Card title={t('partKey')}>
          <div className={styles.part}>
            <KeyHelp />
            <KeyFields value={key} onChange={setKey} problem={problem} disabled={create.isPending} />
          </div>
        </Card>
        <Card title={t('partConsent')}>
          {consent.data === undefined ? (
            <ProblemMessage error={consent.error} onRetry={() => void consent.refetch()} />
          ) : (
            <Statement consent={consent.data} agreed={agreed} onChange={setAgreed} disabled={create.isPending} />
          )}
        </Card>
        {create.error !== null && (
          <Card title={t('refused')}>
            <Refusal error={create.error} />
            {outdated && (
              <Button
                onClick={() => {
                  setAgreed(false);
                  void consent.refetch();
                  create.reset();
                }}
              >
                {t('readAgain')}
              </Button>
            )}
          </Card>
        )}
        <div className={styles.actions}>
          <Button
            type="submit"
            appearance="primary"
            disabled={!agreed || create.isPending}
            icon={create.isPending ? <Spinner size="tiny" /> : undefined}
          >
            {create.isPending ? t('connecting') : t('connect')}
          </Button>
          <Link href="/connections">{t('backWithout')}</Link>
        </div>
      </form>
    </Page>
  );
};

export default NewConnectionPage;
