import { Button, makeStyles, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import {
  BeakerRegular,
  CopyRegular,
  DeleteRegular,
  EditRegular,
  MoreHorizontalRegular,
  PauseRegular,
  PlayRegular,
  PlugDisconnectedRegular,
} from '@fluentui/react-icons';
import { useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import { useLocation } from 'wouter';
import type { ExportView } from '../../../../../shared/exports/export-view';
import type { Run } from '../../../../../shared/runs/run';
import { RUNS_SHOWN, useExportActions } from '../../api/exports';
import { Confirm } from '../../components/confirm';
import { ProblemMessage } from '../../components/problem-message';
import { useSay } from '../../components/toast';
import { lastSized, sizeOf } from './plot-data';

const useStyles = makeStyles({ problem: { flexBasis: '100%' } });

type Asked = 'detach' | 'remove' | 'pause';

const isActive = ({ activity }: ExportView): boolean => activity === 'running' || activity === 'queued' || activity === 'waiting';

/** Says in numbers what becomes of it, and does it. */
const Asking = ({ what, view, runs, onClose }: { what: Asked; view: ExportView; runs: readonly Run[]; onClose: () => void }) => {
  const t = useTranslations('exportDetail.actions');
  const format = useFormatter();
  const say = useSay();
  const [, go] = useLocation();
  const actions = useExportActions();
  const sized = lastSized(runs);
  const onList = sized && sizeOf(sized)?.onList;
  const runCount = runs.length >= RUNS_SHOWN ? `${format.number(RUNS_SHOWN)}+` : format.number(runs.length);
  const active = isActive(view);
  const act = async () => {
    if (what === 'pause') await actions.pause(view.id);
    else if (what === 'detach') await actions.detach(view.id);
    else await actions.remove(view.id);
    say(t(`${what}Done`));
    if (what === 'remove') go('/exports');
  };
  return (
    <Confirm title={t(`${what}Title`, { name: view.name })} action={t(what)} onClose={onClose} onConfirm={act}>
      {t(`${what}Text`, { runs: runCount })}{' '}
      {what === 'remove' && (onList === undefined ? t('listStays') : t('peopleStay', { count: onList }))}{' '}
      {active && t(what === 'pause' ? 'activeGoesOn' : 'activeStops')}
    </Confirm>
  );
};

/** What may be done with an export by whoever may edit it. */
export const ExportActions = ({
  view,
  runs = [],
  onStart,
}: {
  view: ExportView;
  runs?: readonly Run[] | undefined;
  onStart: (how: 'run' | 'dryRun') => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail.actions');
  const say = useSay();
  const [, go] = useLocation();
  const { resume } = useExportActions();
  const [asked, setAsked] = useState<Asked>();
  const [problem, setProblem] = useState<unknown>();
  const [resuming, setResuming] = useState(false);
  const runnable = view.connection !== undefined && !view.paused;
  const resumeIt = async () => {
    setProblem(undefined);
    setResuming(true);
    try {
      await resume(view.id);
      say(t('resumeDone'));
    } catch (error) {
      setProblem(error);
    }
    setResuming(false);
  };
  return (
    <>
      {runnable && (
        <>
          <Button appearance="primary" icon={<PlayRegular />} onClick={() => onStart('run')}>
            {t('run')}
          </Button>
          <Button icon={<BeakerRegular />} onClick={() => onStart('dryRun')}>
            {t('dryRun')}
          </Button>
        </>
      )}
      {view.paused ? (
        <Button appearance="primary" icon={<PlayRegular />} disabled={resuming} onClick={() => void resumeIt()}>
          {t('resume')}
        </Button>
      ) : (
        <Button icon={<PauseRegular />} onClick={() => setAsked('pause')}>
          {t('pause')}
        </Button>
      )}
      <Button icon={<EditRegular />} onClick={() => go(`/exports/${view.id}/edit`)}>
        {t('edit')}
      </Button>
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Button icon={<MoreHorizontalRegular />} aria-label={t('more')} />
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem icon={<CopyRegular />} onClick={() => go(`/exports/new?from=${view.id}`)}>
              {t('duplicate')}
            </MenuItem>
            {view.connection !== undefined && (
              <MenuItem icon={<PlugDisconnectedRegular />} onClick={() => setAsked('detach')}>
                {t('detach')}
              </MenuItem>
            )}
            <MenuDivider />
            <MenuItem icon={<DeleteRegular />} onClick={() => setAsked('remove')}>
              {t('remove')}
            </MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
      {problem !== undefined && (
        <div className={styles.problem}>
          <ProblemMessage error={problem} />
        </div>
      )}
      {asked !== undefined && <Asking what={asked} view={view} runs={runs} onClose={() => setAsked(undefined)} />}
    </>
  );
};
