import { Field, Input, Radio, RadioGroup } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

/** Where the key comes from: typed once, or a secret that exists in the vault. Never kept beyond the form. */
export type KeySource = { readonly kind: 'typed'; readonly apiKey: string } | { readonly kind: 'secret'; readonly secretName: string };

/** As the API takes it. */
export const keyOf = (source: KeySource): { apiKey?: string; secretName?: string } =>
  source.kind === 'typed' ? { apiKey: source.apiKey.trim() } : { secretName: source.secretName.trim() };

export interface KeyFieldsProps {
  readonly value: KeySource;
  readonly onChange: (value: KeySource) => void;
  /** false: the connection has left typed keys behind (customer-insights.md K5) */
  readonly mayType?: boolean;
  readonly problem: (pointer: '/apiKey' | '/secretName') => string | undefined;
  readonly disabled?: boolean;
}

export const KeyFields = ({ value, onChange, mayType = true, problem, disabled = false }: KeyFieldsProps) => {
  const t = useTranslations('connections');
  return (
    <>
      {mayType && (
        <Field label={t('keySource')}>
          <RadioGroup
            value={value.kind}
            disabled={disabled}
            onChange={(_, { value: kind }) =>
              onChange(kind === 'typed' ? { kind: 'typed', apiKey: '' } : { kind: 'secret', secretName: '' })
            }
          >
            <Radio value="typed" label={t('keyTyped')} />
            <Radio value="secret" label={t('keySecret')} />
          </RadioGroup>
        </Field>
      )}
      {value.kind === 'typed' ? (
        <Field label={t('apiKey')} hint={t('apiKeyHint')} required validationMessage={problem('/apiKey')}>
          <Input
            type="password"
            autoComplete="off"
            spellCheck={false}
            disabled={disabled}
            value={value.apiKey}
            onChange={(_, { value: apiKey }) => onChange({ kind: 'typed', apiKey })}
          />
        </Field>
      ) : (
        <Field label={t('secretName')} hint={t('secretNameHint')} required validationMessage={problem('/secretName')}>
          <Input
            autoComplete="off"
            spellCheck={false}
            disabled={disabled}
            value={value.secretName}
            onChange={(_, { value: secretName }) => onChange({ kind: 'secret', secretName })}
          />
        </Field>
      )}
    </>
  );
};
