// The portal's texts are written as ICU messages, and read while the pages are built: the browser gets lists of parts, and no parser, which
// is larger than all else of the library that shows them (use-intl, "Precompiling messages").
import fs from 'node:fs';
import path from 'node:path';
import esbuild from 'esbuild';
import compile from 'icu-minify/compile';

/** Every text of a tree of messages, compiled. @throws Error naming a text that is no ICU message */
export const compiled = (tree) =>
  Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      if (typeof value !== 'string') return [key, compiled(value)];
      try {
        return [key, compile(value)];
      } catch (error) {
        throw new Error(`${key}: ${error.message} in: ${value}`, { cause: error });
      }
    }),
  );

/** What a file of messages exports; it imports types alone. */
const readMessages = async (file) => {
  const { code } = await esbuild.transform(fs.readFileSync(file, 'utf8'), { loader: 'ts', format: 'esm' });
  const { default: messages } = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
  return messages;
};

/**
 * Lets the bundler take compiled messages for the written ones, and the part of use-intl that shows those.
 * @param folder of our own files
 */
export const compiledMessages = ({ folder }) => ({
  name: 'compiled-messages',
  setup: (build) => {
    build.initialOptions.alias = { ...build.initialOptions.alias, 'use-intl/format-message': 'use-intl/format-message/format-only' };
    build.onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
      if (!file.startsWith(path.join(folder, 'messages') + path.sep)) return undefined;
      return { contents: `export default ${JSON.stringify(compiled(await readMessages(file)))};`, loader: 'js' };
    });
  },
});
