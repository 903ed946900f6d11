import { lazy } from 'react';
import type { ComponentType } from 'react';
import type { Role } from './api/session';

type Area = 'exports' | 'connections' | 'runs' | 'settings' | 'access';

export interface PageRoute {
  /** below /portal */
  readonly path: string;
  readonly area: Area;
  readonly page: ComponentType<{ params: Record<string, string> }>;
  /** whom the page is for; others are told so */
  readonly atLeast?: Role;
}

const page = (load: () => Promise<{ default: ComponentType<{ params: Record<string, string> }> }>) => lazy(load);

/** All pages, the most exact path first. */
export const routes: readonly PageRoute[] = [
  { path: '/exports', area: 'exports', page: page(() => import('./pages/exports/exports-page')) },
  { path: '/exports/new', area: 'exports', page: page(() => import('./pages/export-editor/new-export-page')), atLeast: 'Contributor' },
  {
    path: '/exports/:id/edit',
    area: 'exports',
    page: page(() => import('./pages/export-editor/edit-export-page')),
    atLeast: 'Contributor',
  },
  { path: '/exports/:id', area: 'exports', page: page(() => import('./pages/export-detail/export-detail-page')) },
  { path: '/connections', area: 'connections', page: page(() => import('./pages/connections/connections-page')), atLeast: 'Contributor' },
  {
    path: '/connections/new',
    area: 'connections',
    page: page(() => import('./pages/connections/new-connection-page')),
    atLeast: 'Administrator',
  },
  {
    path: '/connections/:id',
    area: 'connections',
    page: page(() => import('./pages/connections/connection-page')),
    atLeast: 'Administrator',
  },
  { path: '/runs', area: 'runs', page: page(() => import('./pages/runs/runs-page')) },
  { path: '/runs/:id', area: 'runs', page: page(() => import('./pages/run-detail/run-detail-page')) },
  { path: '/settings', area: 'settings', page: page(() => import('./pages/settings/settings-page')) },
  { path: '/access', area: 'access', page: page(() => import('./pages/access/access-page')), atLeast: 'Administrator' },
];
