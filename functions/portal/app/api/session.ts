import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useCallback, useContext, useEffect, useState } from 'react';
import type { Caller } from '../../../../shared/caller';
import { get, onSignedOut } from './client';

export type Role = NonNullable<Caller['role']>;

/** The caller as `GET /api/me` tells it. */
export const useMe = () => useQuery({ queryKey: ['me'], queryFn: ({ signal }) => get<Caller>('/me', { signal }), staleTime: 5 * 60_000 });

export const SessionContext = createContext<Caller | undefined>(undefined);

/** Who is signed in. Only below the shell, which shows no page before it knows. */
export const useCaller = (): Caller => {
  const caller = useContext(SessionContext);
  if (caller === undefined) throw new Error('useCaller is for pages inside the shell');
  return caller;
};

const rank: Record<Role, number> = { Viewer: 1, Contributor: 2, Administrator: 3 };

/** Whether the caller's role suffices; what it does not suffice for is not offered (the API refuses it anyway). */
export const useMay = (atLeast: Role): boolean => {
  const { role } = useCaller();
  return role !== undefined && rank[role] >= rank[atLeast];
};

/** True from the moment an answer said that the sign-in has expired until it was renewed. */
export const useSignedOut = (): { readonly signedOut: boolean; readonly renewed: () => void } => {
  const [signedOut, setSignedOut] = useState(false);
  const client = useQueryClient();
  useEffect(() => onSignedOut(() => setSignedOut(true)), []);
  const renewed = useCallback(() => {
    setSignedOut(false);
    void client.invalidateQueries();
  }, [client]);
  return { signedOut, renewed };
};

/** The local cloud's roles; anywhere else there is no such address, so it is asked for on this machine's own addresses alone. */
export interface LocalRoles {
  readonly roles: readonly string[];
  readonly role: string;
}
const isLocal = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname);
export const useLocalRoles = () =>
  useQuery({
    queryKey: ['local-roles'],
    enabled: isLocal,
    staleTime: Infinity,
    retry: false,
    refetchInterval: false,
    queryFn: async ({ signal }): Promise<LocalRoles | null> => {
      const response = await fetch('/.auth/local', { signal });
      return response.ok ? ((await response.json()) as LocalRoles) : null;
    },
  });

/** Address that signs in and comes back to `path`. */
export const signInAddress = (path: string): string => `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(path)}`;
