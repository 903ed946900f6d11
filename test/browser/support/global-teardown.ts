/** Jest calls this after the last test. */
export default async (): Promise<void> => {
  await (globalThis as { endBrowserTests?: () => Promise<void> }).endBrowserTests?.();
};
