import { Button, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { ApiError } from '../api/client';
import { CopyButton } from './copy-button';
import { OriginalWords } from './original-words';
import { useFieldProblem, useProblemText } from './problem-text';

/** A refused or failed request, said at the place where it happened, with what support will ask for. Nothing where there is no error. */
export const ProblemMessage = ({
  error,
  title,
  onRetry,
  fieldsSayIt = false,
}: {
  error: unknown;
  title?: string;
  onRetry?: () => void;
  /** every field that the API may name shows what is wrong with it itself */
  fieldsSayIt?: boolean;
}) => {
  const t = useTranslations('problems');
  const textOf = useProblemText();
  const fieldText = useFieldProblem();
  const serviceOf = (service = '') => {
    const key = `services.${service}` as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : service;
  };
  if (error === null || error === undefined) return null;
  const problem = error instanceof ApiError ? error.problem : undefined;
  // a field that is wrong says so itself; what has no field here is listed
  const shown = textOf(error);
  const elsewhere = (fieldsSayIt ? [] : (problem?.errors ?? []))
    .map(({ pointer, detail }) => ({ pointer, text: fieldText(error, pointer) ?? detail }))
    .filter(({ text }) => text !== shown);
  return (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody>
        {title !== undefined && <MessageBarTitle>{title}</MessageBarTitle>} {shown}
        <OriginalWords shown={shown} original={problem?.detail} />
        {elsewhere.length > 0 && (
          <ul>
            {elsewhere.map(({ pointer, text }) => (
              <li key={`${pointer} ${text}`}>
                <code>{pointer}</code> {text}
              </li>
            ))}
          </ul>
        )}
        {problem !== undefined && (
          <div>
            {t('reference', { id: problem.instance })} <CopyButton text={problem.instance} label={t('copyReference')} />
            {problem.requestId !== undefined && (
              <div>
                {t('requestId', { service: serviceOf(problem.service), id: problem.requestId })}{' '}
                <CopyButton text={problem.requestId} label={t('copyRequestId')} />
              </div>
            )}
          </div>
        )}
      </MessageBarBody>
      {onRetry !== undefined && (
        <MessageBarActions>
          <Button onClick={onRetry}>{t('retry')}</Button>
        </MessageBarActions>
      )}
    </MessageBar>
  );
};
