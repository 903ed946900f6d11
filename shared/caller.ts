import { z } from 'zod';

/** Entra app roles, the most powerful first. */
export const Role = z.enum(['Administrator', 'Contributor', 'Viewer']).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;

/** Who asks: a person or an application that has signed in and holds a role. */
export const Caller = z
  .object({
    /** object id in the tenant */
    id: z.string(),
    /** display name; an application's name or id, as its tokens carry no user name */
    name: z.string(),
    role: Role,
    application: z.boolean(),
  })
  .meta({ id: 'Caller' });
export type Caller = z.infer<typeof Caller>;

/** Whether a role is at least as powerful as the one that is needed. */
export const mayActAs = (held: Role, needed: Role): boolean => Role.options.indexOf(held) <= Role.options.indexOf(needed);
