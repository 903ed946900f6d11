/**
 * Replaces each %Name% in a trigger's setting by the app setting of that name, as the Functions host does ("Binding expressions, app settings").
 * @throws Error when a setting is missing
 */
export const resolveSettings = (text: string, env: NodeJS.ProcessEnv): string =>
  text.replace(/%([^%]+)%/g, (_whole, name: string) => {
    const value = env[name];
    if (value === undefined) throw new Error(`'%${name}%' does not resolve to a value: the app setting ${name} is missing`);
    return value;
  });
