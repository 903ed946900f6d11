import { Checkbox, makeStyles, tokens } from '@fluentui/react-components';
import type { z } from 'zod';
import type { Consent } from '../../../../../shared/connections/consent';
import { usePreferences } from '../../shell/preferences';

const useStyles = makeStyles({
  text: {
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    padding: `0 ${tokens.spacingHorizontalL}`,
    maxWidth: '70ch',
  },
});

/** The statement to agree to, in the portal's language where there is one. */
export const Statement = ({
  consent,
  agreed,
  onChange,
  disabled = false,
}: {
  consent: z.infer<typeof Consent>;
  agreed: boolean;
  onChange: (agreed: boolean) => void;
  disabled?: boolean;
}) => {
  const styles = useStyles();
  const { shownLanguage } = usePreferences();
  const language = shownLanguage in consent.statements ? (shownLanguage as keyof typeof consent.statements) : 'en';
  const { title, paragraphs, agreement } = consent.statements[language];
  return (
    <div lang={language}>
      <div className={styles.text}>
        <h3>{title}</h3>
        {paragraphs.map((paragraph) => (
          <p key={paragraph}>{paragraph}</p>
        ))}
      </div>
      <Checkbox label={agreement} checked={agreed} disabled={disabled} onChange={(_, { checked }) => onChange(checked === true)} />
    </div>
  );
};
