import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';
import { ExportChange, NewExport } from '../../../../../shared/exports/export';
import type { ExportView } from '../../../../../shared/exports/export-view';
import type { SavedExport } from '../../../../../shared/exports/exports';
import type { Run } from '../../../../../shared/runs/run';
import { ApiError, request } from '../../api/client';
import { exportKeys } from '../../api/exports';
import { useDraft } from '../../components/unsaved';
import { useValidation } from '../../components/validation';
import type { FormProblems } from '../../components/validation';
import { changeOf, formOf, isChanged, newExportOf } from './form';
import type { ExportForm } from './form';
import { stepOf, steps, textAt } from './steps';
import type { Step } from './steps';

/** An export as somebody else has saved it meanwhile. */
export interface Theirs {
  readonly value: ExportView;
  readonly form: ExportForm;
  readonly etag: string;
}

/** What is kept for this tab: what was typed, and the version that it was made from. */
interface Draft {
  readonly form: ExportForm;
  readonly base: ExportForm;
  readonly etag: string;
}

export interface Saved {
  readonly value: SavedExport;
  /** the dry run that was asked for */
  readonly run?: Run;
  /** why there is none, although it was asked for */
  readonly error?: unknown;
}

/** One key per body: a second try of the same request is the same request, a changed one is another (Idempotency-Key). */
const useRequestKey = () => {
  const last = useRef<{ body: string; key: string }>(undefined);
  return (body: unknown): string => {
    const text = JSON.stringify(body);
    if (last.current?.body !== text) last.current = { body: text, key: crypto.randomUUID() };
    return last.current.key;
  };
};

/**
 * The form's values, what is wrong with them, and saving.
 * @param edited the export that is edited; undefined for a new one
 */
export const useEditor = ({
  draftName,
  initial,
  etag,
  edited,
}: {
  draftName: string;
  initial: ExportForm;
  etag: string;
  edited: ExportView | undefined;
}) => {
  const exportId = edited?.id;
  const t = useTranslations('forms');
  const tc = useTranslations('exportEditor');
  const client = useQueryClient();
  const validate = useValidation();
  const [draft, setDraft, forget] = useDraft<Draft>(draftName, { form: initial, base: initial, etag });
  const { form, base } = draft;
  const changed = isChanged(base, form);
  const [restored, setRestored] = useState(changed);
  const [busy, setBusy] = useState<'save' | 'dryRun'>();
  const [error, setError] = useState<{ readonly cause: unknown; readonly body: unknown }>();
  const [theirs, setTheirs] = useState<Theirs>();
  const [tried, setTried] = useState<ReadonlySet<Step>>(new Set());
  const [isSaved, setSaved] = useState(false);
  const keyOf = useRequestKey();
  const runKey = useRef(crypto.randomUUID());

  // a draft in which nothing was changed is no draft: what was read now counts
  useEffect(() => {
    if (!changed) setDraft({ form: initial, base: initial, etag });
    // once, for what was kept from before
  }, []);

  const body = useMemo(() => (exportId === undefined ? newExportOf(form) : changeOf(base, form)), [exportId, base, form]);
  const problems: FormProblems = useMemo(() => {
    const found = new Map(validate(exportId === undefined ? NewExport : ExportChange, body));
    // the schema takes either of the two, so that neither is required by itself
    if (exportId === undefined && form.listMode === 'existing' && form.listId.trim() === '') found.set('/listId', t('required'));
    if ((form.fields.email ?? '') === '') found.set('/mapping/email', t('required'));
    return found;
  }, [validate, exportId, body, form, t]);

  /** A sentence of the API about a field, until the field is changed. */
  const refused = (pointer: string): string | undefined => {
    const problem = error?.cause instanceof ApiError ? error.cause.problem : undefined;
    const found = (problem?.errors ?? []).filter(({ pointer: at }) => at === pointer || at.startsWith(`${pointer}/`));
    const stands = found.filter(({ pointer: at }) => textAt(body, at) === textAt(error?.body, at));
    if (stands.length === 0 || problem === undefined) return undefined;
    const known = `codes.${problem.code}` as Parameters<typeof tc>[0];
    return tc.has(known) ? tc(known) : stands.map(({ detail }) => detail).join(' ');
  };
  const refusedSteps = new Set(
    (error?.cause instanceof ApiError ? (error.cause.problem?.errors ?? []) : [])
      .filter(({ pointer }) => refused(pointer) !== undefined)
      .map(({ pointer }) => stepOf(pointer)),
  );
  const wrongSteps = new Set([...problems.keys()].map(stepOf));
  const problemOf = (pointer: string): string | undefined =>
    refused(pointer) ?? (tried.has(stepOf(pointer)) ? problems.get(pointer) : undefined);

  const set = (change: Partial<ExportForm>) => setDraft((before) => ({ ...before, form: { ...before.form, ...change } }));

  const write = async (): Promise<SavedExport> => {
    // a dry run of what is saved already
    if (edited !== undefined && !changed) return { ...edited, warnings: [] };
    const answer =
      exportId === undefined
        ? await request<SavedExport>('POST', '/exports', { body, idempotencyKey: keyOf(body) })
        : await request<SavedExport>('PATCH', `/exports/${exportId}`, { body, ifMatch: draft.etag });
    return answer.body;
  };

  /** Reads what somebody else has saved meanwhile. */
  const lookAtTheirs = async (id: string): Promise<void> => {
    const { body: value, etag: newer } = await request<ExportView>('GET', `/exports/${id}`);
    setTheirs({ value, form: formOf(value, base.recurrence), etag: newer ?? '' });
  };

  return {
    form,
    base,
    set,
    /** what nobody typed, but follows from what there is: no unsaved change */
    setDefault: (change: Partial<ExportForm>) =>
      setDraft((before) => ({ ...before, form: { ...before.form, ...change }, base: { ...before.base, ...change } })),
    /** Drops channels that are no longer there; no unsaved change. */
    keepChannels: (there: readonly string[]) =>
      setDraft((before) => {
        const kept = (one: ExportForm): ExportForm => ({ ...one, channelIds: one.channelIds.filter((id) => there.includes(id)) });
        const isKept = [before.form, before.base].every(({ channelIds }) => channelIds.every((id) => there.includes(id)));
        return isKept ? before : { ...before, form: kept(before.form), base: kept(before.base) };
      }),
    unsaved: changed && !isSaved,
    restored: restored && changed,
    problemOf,
    /** what the API refused as a whole */
    error: error?.cause,
    theirs,
    busy,
    body,
    stepState: (step: Step): 'wrong' | 'done' | 'open' =>
      refusedSteps.has(step) || (tried.has(step) && wrongSteps.has(step)) ? 'wrong' : wrongSteps.has(step) ? 'open' : 'done',
    /** Shows what is wrong with a step. @returns whether all is well */
    tryStep: (step: Step): boolean => {
      setTried((before) => new Set([...before, step]));
      return !wrongSteps.has(step);
    },
    firstWrong: (): Step | undefined => steps.find((step) => wrongSteps.has(step)),
    tryAll: () => setTried(new Set(steps)),
    forget,
    discard: () => {
      setRestored(false);
      setError(undefined);
      setDraft({ form: initial, base: initial, etag });
    },
    /** Takes what was merged, on top of what they have saved. */
    takeMerged: (form: ExportForm, { form: newBase, etag: newer }: Theirs) => {
      setTheirs(undefined);
      setError(undefined);
      setDraft({ form, base: newBase, etag: newer });
    },
    leaveTheirs: () => setTheirs(undefined),
    /**
     * Saves; runs nothing unless a dry run is asked for.
     * @returns undefined when it did not work: then the problem is shown; `step` is where
     */
    save: async (dryRun: boolean): Promise<{ saved?: Saved; step?: Step }> => {
      if (busy !== undefined) return {};
      setBusy(dryRun ? 'dryRun' : 'save');
      setError(undefined);
      try {
        const value = await write();
        setSaved(true);
        forget();
        void client.invalidateQueries({ queryKey: exportKeys.all });
        if (!dryRun) return { saved: { value } };
        try {
          const options = { body: { dryRun: true }, idempotencyKey: runKey.current };
          const { body: run } = await request<Run>('POST', `/exports/${value.id}/run`, options);
          void client.invalidateQueries({ queryKey: ['runs'] });
          return { saved: { value, run } };
        } catch (cause) {
          return { saved: { value, error: cause } };
        }
      } catch (cause) {
        if (exportId !== undefined && cause instanceof ApiError && cause.status === 412) {
          try {
            await lookAtTheirs(exportId);
            return {};
          } catch {
            // gone, or out of reach: the first refusal says so
          }
        }
        setError({ cause, body });
        const first = cause instanceof ApiError ? cause.problem?.errors?.[0] : undefined;
        return first === undefined ? {} : { step: stepOf(first.pointer) };
      } finally {
        setBusy(undefined);
      }
    },
  };
};

export type Editor = ReturnType<typeof useEditor>;
