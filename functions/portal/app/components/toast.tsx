import { Toast, ToastTitle, useToastController } from '@fluentui/react-components';

/** Where toasts appear; see app.tsx. */
export const TOASTER = 'toaster';

/** Says in passing that something worked. What failed is said where it happened, by `ProblemMessage`. */
export const useSay = (): ((text: string) => void) => {
  const { dispatchToast } = useToastController(TOASTER);
  return (text) =>
    dispatchToast(
      <Toast>
        <ToastTitle>{text}</ToastTitle>
      </Toast>,
      { intent: 'success', timeout: 5_000, politeness: 'polite' },
    );
};
