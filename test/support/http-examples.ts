/** One request of a `http` block, as REST clients of editors read them. */
export interface HttpExample {
  readonly title: string;
  /** `# @name x`: later requests refer to its answer */
  readonly name?: string;
  /** `# 201`: what it answers as a rule */
  readonly status: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Every `http` block of a Markdown text. */
export const httpBlocks = (markdown: string): string[] => [...markdown.matchAll(/^```http\n(.*?)^```$/gms)].map(([, block]) => block!);

/** Requests of a block, separated by lines that begin with ###. @throws Error naming a request that cannot be read */
export const parseHttp = (block: string): { variables: Record<string, string>; examples: HttpExample[] } => {
  const variables = Object.fromEntries([...block.matchAll(/^@(\w+)\s*=\s*(.+)$/gm)].map(([, name, value]) => [name!, value!.trim()]));
  const examples = block
    .split(/^###/m)
    .slice(1)
    .map((part): HttpExample => {
      const [title = '', ...lines] = part.split('\n');
      const said = lines.filter((line) => !line.startsWith('@'));
      const first = said.findIndex((line) => /^[A-Z]+ \S+$/.test(line));
      const notes = said.slice(0, first);
      const blank = said.indexOf('', first);
      const head = said.slice(first, blank < 0 ? undefined : blank);
      const body = blank < 0 ? '' : said.slice(blank).join('\n').trim();
      const [method, url] = head[0]?.split(' ') ?? [];
      const status = notes.map((line) => /^# (\d{3})$/.exec(line)?.[1]).find((found) => found !== undefined);
      const name = notes.map((line) => /^# @name (\w+)$/.exec(line)?.[1]).find((found) => found !== undefined);
      if (first < 0 || method === undefined || url === undefined || status === undefined) throw new Error(`no request in:\n${part}`);
      const headers = head.slice(1).map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
      return {
        ...{ title: title.trim(), status: Number(status), method, url, headers: Object.fromEntries(headers) as Record<string, string> },
        ...(name === undefined ? {} : { name }),
        ...(body === '' ? {} : { body }),
      };
    });
  return { variables, examples };
};

export interface NamedAnswer {
  readonly body: unknown;
  readonly headers: Headers;
}

/** `{{name}}`, `{{x.response.body.$.a.b[0]}}`, `{{x.response.headers.ETag}}` → what they stand for. @throws Error for what stands for nothing */
export const fillIn = (text: string, variables: Readonly<Record<string, string>>, answers: ReadonlyMap<string, NamedAnswer>): string =>
  text.replaceAll(/\{\{([^}]+)\}\}/g, (whole, expression: string) => {
    if (variables[expression] !== undefined) return variables[expression];
    const [, name = '', part, path = ''] = /^(\w+)\.response\.(body|headers)\.(.+)$/.exec(expression) ?? [];
    const answer = answers.get(name);
    if (answer === undefined) throw new Error(`${whole} stands for nothing`);
    const found =
      part === 'headers'
        ? answer.headers.get(path)
        : path
            .replace(/^\$\.?/, '')
            .split(/[.[\]]+/)
            .filter((key) => key !== '')
            .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], answer.body);
    if (typeof found !== 'string' && typeof found !== 'number') throw new Error(`${whole} stands for nothing`);
    return String(found);
  });
