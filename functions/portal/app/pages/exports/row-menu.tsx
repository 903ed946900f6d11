import { Menu, MenuDivider, MenuItem, MenuList, MenuPopover } from '@fluentui/react-components';
import {
  BeakerRegular,
  CalendarRegular,
  CopyRegular,
  DeleteRegular,
  EditRegular,
  EyeRegular,
  PauseRegular,
  PlayRegular,
  PlugDisconnectedRegular,
} from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import type { ListedExport } from '../../../../../shared/exports/export-list';
import type { RowActions } from './use-row-actions';

/** What can be done with one export. One menu for the whole table: a thousand rows would otherwise hold a thousand. */
const RowMenu = ({
  item,
  target,
  actions,
  onClose,
}: {
  item: ListedExport;
  target: HTMLElement;
  actions: RowActions;
  onClose: () => void;
}) => {
  const t = useTranslations('exports.actions');
  const { id, permission, paused, connectionId, activity } = item;
  const canRun = !paused && connectionId !== undefined;
  return (
    <Menu open positioning={{ target, position: 'below', align: 'end' }} onOpenChange={(_, { open }) => !open && onClose()}>
      <MenuPopover>
        <MenuList aria-label={item.name}>
          {permission === 'view' ? (
            <MenuItem icon={<EyeRegular />} onClick={() => actions.go(`/exports/${id}`)}>
              {t('view')}
            </MenuItem>
          ) : (
            <>
              <MenuItem icon={<PlayRegular />} disabled={!canRun} onClick={() => actions.ask({ what: 'run', exports: [item] })}>
                {t(activity === 'idle' || activity === 'paused' ? 'run' : 'runAgain')}
              </MenuItem>
              <MenuItem icon={<BeakerRegular />} disabled={!canRun} onClick={() => actions.dryRun(item)}>
                {t('dryRun')}
              </MenuItem>
              <MenuItem icon={paused ? <PlayRegular /> : <PauseRegular />} onClick={() => actions.setPaused(item, !paused)}>
                {t(paused ? 'resume' : 'pause')}
              </MenuItem>
              <MenuDivider />
              <MenuItem icon={<EditRegular />} onClick={() => actions.go(`/exports/${id}/edit`)}>
                {t('edit')}
              </MenuItem>
              <MenuItem icon={<CalendarRegular />} onClick={() => actions.ask({ what: 'schedule', exports: [item] })}>
                {t('schedule')}
              </MenuItem>
              <MenuItem icon={<CopyRegular />} onClick={() => actions.go(`/exports/new?from=${id}`)}>
                {t('duplicate')}
              </MenuItem>
              <MenuDivider />
              {connectionId !== undefined && (
                <MenuItem icon={<PlugDisconnectedRegular />} onClick={() => actions.ask({ what: 'detach', exports: [item] })}>
                  {t('detach')}
                </MenuItem>
              )}
              <MenuItem icon={<DeleteRegular />} onClick={() => actions.ask({ what: 'remove', exports: [item] })}>
                {t('remove')}
              </MenuItem>
            </>
          )}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
};

export default RowMenu;
