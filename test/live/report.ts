import { KLAVIYO_REVISION } from '../../shared/klaviyo/endpoints';
import type { Finding } from './probes';

export interface Entry {
  readonly number: number;
  readonly question: string;
  readonly finding: Finding | { readonly state: 'failed'; readonly answer: string; readonly evidence: readonly string[] };
}
export interface Report {
  readonly at: string;
  readonly host: string;
  readonly revision: string;
  readonly listId: string;
  readonly entries: readonly Entry[];
}

export const reportOf = (about: Omit<Report, 'revision'>): Report => ({ ...about, revision: KLAVIYO_REVISION });

/** The report for people. */
export const toMarkdown = ({ at, host, revision, listId, entries }: Report): string =>
  [
    `# Live check of Klaviyo, ${at}`,
    '',
    `Against ${host}, API revision ${revision}, list ${listId}. The questions are those of klaviyo.md §7.`,
    ...entries.flatMap(({ number, question, finding }) => [
      ...['', `## ${number}. ${question}`, '', `**${finding.state}**: ${finding.answer}`],
      ...(finding.evidence.length > 0 ? ['', ...finding.evidence.map((line) => `- ${line}`)] : []),
    ]),
    '',
  ].join('\n');
