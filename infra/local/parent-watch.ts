/** Ends this process at once when its parent dies: that holds the other end of our standard input, which closes then. */
export const endWithParent = (): void => {
  process.stdin.on('close', () => process.exit(1)).on('error', () => undefined);
  process.stdin.resume();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
};
