import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { ZodType } from 'zod';
import { ApiError } from '../../api/client';
import { useSetSetting, useSetting } from '../../api/settings';
import type { SentSettings, Settings } from '../../api/settings';
import { useMay } from '../../api/session';
import { useMergedDraft } from '../../components/merged-draft';
import type { Part } from '../../components/merged-draft';
import { useFieldProblem } from '../../components/problem-text';
import { useSay } from '../../components/toast';
import { useLeaveWarning } from '../../components/unsaved';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';

/**
 * State of a form for one setting: what was read, what was typed, what is wrong with it, and how it is saved.
 * @param parts what can be changed by itself: others may save the same setting meanwhile
 * @param sentOf what was typed, as the API takes it
 */
export const useSettingForm = <N extends keyof Settings>(
  name: N,
  { schema, parts, sentOf }: { schema: ZodType; parts: readonly Part<Settings[N]>[]; sentOf: (value: Settings[N]) => SentSettings[N] },
) => {
  const t = useTranslations('settings');
  const say = useSay();
  const validate = useValidation();
  const fieldProblem = useFieldProblem();
  const mayEdit = useMay('Administrator');
  const setting = useSetting(name);
  const save = useSetSetting(name);
  const read = setting.data?.body;
  const draft = useMergedDraft<Settings[N]>({ read, etag: setting.data?.etag, parts });
  const [problems, setProblems] = useState<FormProblems>(new Map());
  useLeaveWarning(draft.changed);
  // what they have saved is shown beside what was typed: that says more than the refusal
  const met = draft.meeting !== undefined && save.error instanceof ApiError && save.error.status === 412;
  return {
    value: draft.value,
    setTyped: draft.setTyped,
    setting,
    problem: (pointer: string) => problems.get(pointer) ?? fieldProblem(save.error, pointer),
    form: {
      mayEdit,
      draft,
      read,
      busy: save.isPending,
      error: met ? null : save.error,
      onUndo: () => {
        draft.undo();
        setProblems(new Map());
        save.reset();
      },
      onSave: () => {
        const { value, version } = draft;
        if (version === undefined || value === undefined) return;
        const sent = sentOf(value);
        const found = validate(schema, sent);
        setProblems(found);
        if (found.size > 0) return;
        save.mutate(
          { value: sent, etag: version },
          {
            onSuccess: () => {
              draft.undo();
              say(t('saved'));
            },
          },
        );
      },
    },
  };
};
