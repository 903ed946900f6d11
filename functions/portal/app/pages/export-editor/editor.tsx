import {
  Button,
  makeStyles,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  Spinner,
  tokens,
  typographyStyles,
} from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';
import { useLocation, useSearchParams } from 'wouter';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { segmentKeys, useOverlap, useSegmentDescriptions } from '../../api/segments';
import { useSetting } from '../../api/settings';
import { Card } from '../../components/card';
import { LeaveGuard } from '../../components/leave-guard';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { FieldsSkeleton } from '../../components/skeletons';
import { useSay } from '../../components/toast';
import { Changes } from './changes';
import { DestinationStep } from './destination-step';
import type { ExportForm } from './form';
import { guessMapping } from './guess-mapping';
import { capOf, Rail } from './rail';
import { hasMoreToSay } from './saved';
import { Stepper } from './stepper';
import { steps } from './steps';
import type { Step } from './steps';
import { useEditor } from './use-editor';
import type { Saved } from './use-editor';

// the first step is there at once; what comes later is loaded then
const SegmentsStep = lazy(() => import('./segments-step'));
const MappingStep = lazy(() => import('./mapping-step'));
const BehaviourStep = lazy(() => import('./behaviour-step'));
const MergeDialog = lazy(() => import('./merge-dialog'));
const SavedDialog = lazy(() => import('./saved-dialog'));

const useStyles = makeStyles({
  columns: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 340px',
    gap: tokens.spacingHorizontalL,
    alignItems: 'start',
    '@media (max-width: 1100px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  column: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL, minWidth: 0 },
  heading: { ...typographyStyles.subtitle1, margin: `0 0 ${tokens.spacingVerticalXS}`, ':focus': { outlineStyle: 'none' } },
  lead: { margin: `0 0 ${tokens.spacingVerticalL}`, color: tokens.colorNeutralForeground2 },
  foot: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS, marginTop: tokens.spacingVerticalXL },
});

/** The step that the address names; each is an entry of the history, so that the back button goes through them. */
const useStep = (): readonly [Step, (step: Step, replace?: boolean) => void] => {
  const [params, setParams] = useSearchParams();
  const named = steps.find((step) => step === params.get('step'));
  const open = (step: Step, replace = false) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        after.set('step', step);
        return after;
      },
      { replace },
    );
  return [named ?? 'destination', open];
};

/**
 * The editor of an export, new or saved: four steps, and beside them what comes of it.
 * @param saved the export that is edited, with its version
 */
export const ExportEditor = ({
  title,
  draftName,
  initial,
  saved: edited,
}: {
  title: string;
  draftName: string;
  initial: ExportForm;
  saved?: { readonly value: ExportView; readonly etag: string };
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor');
  const say = useSay();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const [step, openStep] = useStep();
  const editor = useEditor({ draftName, initial, etag: edited?.etag ?? '', edited: edited?.value });
  const { form, set, keepChannels } = editor;
  const [done, setDone] = useState<Saved>();
  const heading = useRef<HTMLHeadingElement>(null);
  const content = useRef<HTMLDivElement>(null);
  /** what takes the focus when the step is drawn: its title, or the first field that is wrong */
  const wanted = useRef<'heading' | 'wrong'>(undefined);

  const email = form.fields.email ?? '';
  const overlap = useOverlap(form.segments, email);
  const counted = form.segments.length > 0 && email !== '' ? overlap.data : undefined;
  useEffect(() => {
    // what was counted for it stands in the list from now on
    if (overlap.dataUpdatedAt > 0) void client.invalidateQueries({ queryKey: segmentKeys.list });
  }, [overlap.dataUpdatedAt, client]);

  // as soon as the fields of the first segment are known, the usual ones are chosen; once only, and never over what somebody chose
  const { known } = useSegmentDescriptions(form.segments.slice(0, 1));
  const guessed = useRef(false);
  const untouched = Object.keys(form.fields).length === 0 && form.properties.length === 0;
  useEffect(() => {
    const [first] = known;
    if (first === undefined || guessed.current || !untouched) return;
    guessed.current = true;
    set({ fields: guessMapping(first.fields) });
  }, [known, untouched, set]);

  // channels that are gone tell nobody, and a new export may not name them
  const channels = useSetting('notifications').data?.body.channels;
  useEffect(() => {
    if (channels !== undefined) keepChannels(channels.map(({ id }) => id));
  }, [channels]);

  useEffect(() => {
    const focus = wanted.current;
    if (focus === undefined) return;
    wanted.current = undefined;
    const wrong = focus === 'wrong' ? content.current?.querySelector<HTMLElement>('[aria-invalid="true"]') : undefined;
    (wrong ?? heading.current)?.focus();
  });

  const go = (to: Step, focus: 'heading' | 'wrong' = 'heading') => {
    if (to !== step) editor.tryStep(step);
    wanted.current = focus;
    openStep(to);
  };
  const at = steps.indexOf(step);
  const next = () => {
    if (!editor.tryStep(step)) wanted.current = 'wrong';
    else if (at < steps.length - 1) go(steps[at + 1]!);
  };
  const save = async (dryRun: boolean) => {
    editor.tryAll();
    const wrong = editor.firstWrong();
    if (wrong !== undefined) return go(wrong, 'wrong');
    if (edited !== undefined && !editor.unsaved && !dryRun) return navigate(`/exports/${edited.value.id}`);
    const { saved, step: refusedAt } = await editor.save(dryRun);
    if (refusedAt !== undefined) go(refusedAt, 'wrong');
    if (saved === undefined) return;
    if (hasMoreToSay(saved)) return setDone(saved);
    say(t('saved.said', { name: saved.value.name }));
    navigate(saved.run === undefined ? `/exports/${saved.value.id}` : `/runs/${saved.run.id}`);
  };
  const busyIcon = (what: 'save' | 'dryRun') => (editor.busy === what ? <Spinner size="tiny" /> : undefined);
  const actions = (
    <>
      <Button appearance="primary" disabled={editor.busy !== undefined} icon={busyIcon('save')} onClick={() => void save(false)}>
        {t('save')}
      </Button>
      <Button disabled={editor.busy !== undefined} icon={busyIcon('dryRun')} onClick={() => void save(true)}>
        {t('saveAndDryRun')}
      </Button>
    </>
  );
  const up = edited === undefined ? { href: '/exports', text: t('up') } : { href: `/exports/${edited.value.id}`, text: edited.value.name };
  const moves = edited !== undefined && ['running', 'queued', 'waiting'].includes(edited.value.activity);
  return (
    <Page title={title} up={up} actions={actions}>
      <LeaveGuard unsaved={editor.unsaved} onDiscard={editor.forget} />
      {editor.restored && (
        <MessageBar intent="info" layout="multiline">
          <MessageBarBody>{t('restored')}</MessageBarBody>
          <MessageBarActions>
            <Button onClick={editor.discard}>{t('startOver')}</Button>
          </MessageBarActions>
        </MessageBar>
      )}
      <ProblemMessage error={editor.error} title={t('notSaved')} fieldsSayIt />
      <Stepper current={step} stateOf={editor.stepState} onOpen={(to) => go(to)} />
      <div className={styles.columns}>
        <div className={styles.column} ref={content}>
          <Card>
            <h2 ref={heading} tabIndex={-1} className={styles.heading}>
              {t(`steps.${step}`)}
            </h2>
            <p className={styles.lead}>{t(`leads.${step}`)}</p>
            {step === 'destination' && <DestinationStep editor={editor} />}
            <Suspense fallback={<FieldsSkeleton />}>
              {step === 'segments' && <SegmentsStep editor={editor} cap={capOf(form, counted)} />}
              {step === 'mapping' && <MappingStep editor={editor} />}
              {step === 'behaviour' && <BehaviourStep editor={editor} />}
            </Suspense>
            <div className={styles.foot}>
              {at > 0 && <Button onClick={() => go(steps[at - 1]!)}>{t('back')}</Button>}
              {at < steps.length - 1 && (
                <Button appearance="primary" onClick={next}>
                  {t('next')}
                </Button>
              )}
            </div>
          </Card>
        </div>
        <aside className={styles.column} aria-label={t('rail.label')}>
          {edited !== undefined && <Changes base={editor.base} form={form} runs={moves} people={counted?.union} />}
          <Rail
            form={form}
            overlap={counted}
            counting={overlap.isFetching}
            error={form.segments.length > 0 && email !== '' ? overlap.error : null}
            isNew={edited === undefined}
          />
        </aside>
      </div>
      <Suspense fallback={null}>
        {editor.theirs !== undefined && (
          <MergeDialog
            base={editor.base}
            mine={form}
            theirs={editor.theirs}
            onMerged={(mergedForm) => {
              editor.takeMerged(mergedForm, editor.theirs!);
              say(t('merge.done'));
            }}
            onClose={editor.leaveTheirs}
          />
        )}
        {done !== undefined && (
          <SavedDialog
            saved={done}
            onOpen={() => navigate(`/exports/${done.value.id}`)}
            onOpenRun={() => navigate(`/runs/${done.run?.id ?? ''}`)}
          />
        )}
      </Suspense>
    </Page>
  );
};
