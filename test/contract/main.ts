import { parseArgs } from 'node:util';
import { compareDocuments } from './compare';
import { WITHOUT_DOCUMENT, pinnedDocumentFile, readDocument } from './document';
import { USES } from './uses';

/**
 * npm run klaviyo-contract -- path/to/new.json [--pinned path/to/pinned.json]
 * Prints what a newer document of Klaviyo's changes for this app. Exit code 1: something that the app uses changed; 2: it could not be told.
 */
const main = (): number => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { pinned: { type: 'string' } } });
  const [path] = positionals;
  const pinnedPath = values.pinned ?? pinnedDocumentFile();
  if (path === undefined || positionals.length > 1)
    throw new Error('name one file: npm run klaviyo-contract -- path/to/new.json (openapi/stable.json of github.com/klaviyo/openapi)');
  if (pinnedPath === undefined) throw new Error(`${WITHOUT_DOCUMENT}; name it with --pinned path/to/pinned.json`);
  const [pinned, newer] = [readDocument(pinnedPath), readDocument(path)];
  const { changes, compared, notPinned } = compareDocuments(pinned, newer, USES);
  console.log(`Klaviyo's API ${pinned.info.version} → ${newer.info.version}, ${compared} operations that this app uses`);
  for (const name of notPinned) console.log(`  ${name}: not in the pinned document, so it is not compared`);
  for (const { operation, says, ours } of changes) console.log(`${ours ? '!' : ' '} ${operation}: ${says}`);
  const ours = changes.filter((change) => change.ours).length;
  console.log(`${changes.length} changes, ${ours} of them of what this app uses${ours > 0 ? ' (marked !)' : ''}`);
  return ours > 0 ? 1 : 0;
};

try {
  process.exitCode = main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
