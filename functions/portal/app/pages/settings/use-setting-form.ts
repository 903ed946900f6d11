import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { ZodType } from 'zod';
import { useSetSetting, useSetting } from '../../api/settings';
import { useMay } from '../../api/session';
import { useFieldProblem } from '../../components/problem-text';
import { useSay } from '../../components/toast';
import { useLeaveWarning } from '../../components/unsaved';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';

/** State of a form for one setting: what was read, what was typed, what is wrong with it, and how it is saved. */
export const useSettingForm = <N extends 'schedule' | 'limits'>(name: N, schema: ZodType) => {
  const t = useTranslations('settings');
  const say = useSay();
  const validate = useValidation();
  const fieldProblem = useFieldProblem();
  const mayEdit = useMay('Administrator');
  const setting = useSetting(name);
  const save = useSetSetting(name);
  type Value = NonNullable<typeof setting.data>['body'];
  /** with the version that it was typed upon: what others save meanwhile may be read by then, and must not be overwritten unseen */
  const [draft, setDraft] = useState<{ readonly value: Value; readonly etag: string | undefined }>();
  const typed = draft?.value;
  const setTyped = (next: Value) => setDraft((before) => ({ value: next, etag: before === undefined ? setting.data?.etag : before.etag }));
  const [problems, setProblems] = useState<FormProblems>(new Map());
  const read = setting.data?.body;
  const value = typed ?? read;
  const changed = typed !== undefined && JSON.stringify(typed) !== JSON.stringify(read);
  useLeaveWarning(changed);
  const undo = () => {
    setDraft(undefined);
    setProblems(new Map());
    save.reset();
  };
  return {
    value,
    read,
    setTyped,
    setting,
    problem: (pointer: string) => problems.get(pointer) ?? fieldProblem(save.error, pointer),
    form: {
      mayEdit,
      changed,
      busy: save.isPending,
      error: save.error,
      onUndo: undo,
      onReload: () => void setting.refetch().then(undo),
      onSave: () => {
        if (draft?.etag === undefined) return;
        const found = validate(schema, draft.value);
        setProblems(found);
        if (found.size > 0) return;
        save.mutate(
          { value: draft.value, etag: draft.etag },
          {
            onSuccess: () => {
              setDraft(undefined);
              say(t('saved'));
            },
          },
        );
      },
    },
  };
};
