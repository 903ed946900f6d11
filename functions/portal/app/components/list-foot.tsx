import { Button, makeStyles, Text, tokens } from '@fluentui/react-components';

const useStyles = makeStyles({
  foot: { display: 'flex', flexWrap: 'wrap', justifyContent: 'center', alignItems: 'center', gap: tokens.spacingHorizontalM },
  muted: { color: tokens.colorNeutralForeground3 },
});

/** Below a list that reads on as one scrolls: how much of it is shown, and a button where there is more. */
export const ListFoot = ({
  text,
  more,
  hasMore,
  busy,
  onMore,
}: {
  text: string;
  /** the button's words */
  more: string;
  hasMore: boolean;
  busy: boolean;
  onMore: () => void;
}) => {
  const styles = useStyles();
  return (
    <div className={styles.foot}>
      <Text className={styles.muted} aria-live="polite">
        {text}
      </Text>
      {hasMore && (
        <Button size="small" disabled={busy} onClick={onMore}>
          {more}
        </Button>
      )}
    </div>
  );
};
