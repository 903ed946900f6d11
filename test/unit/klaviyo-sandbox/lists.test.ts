import { aSandbox } from './harness';

const world = () => {
  const klaviyo = aSandbox({ limits: false, defaultAccount: false });
  const lists = [
    { id: 'CCC', name: 'Amber' },
    { id: 'AAA', name: 'Cedar' },
    { id: 'BBB', name: 'Birch' },
  ];
  for (const list of lists) {
    klaviyo.sandbox.addAccount({ id: 'SANDBX', keys: [{ key: 'pk_sandbox_full' }], lists: [list] }, klaviyo.now());
    klaviyo.wait(60_000);
  }
  const ids = (query: string) => klaviyo.get(`/api/lists${query}`).document.data.map(({ id }: { id: string }) => id) as string[];
  const patch = (id: string, json: unknown) => klaviyo.call('PATCH', `/api/lists/${id}`, { json });
  return { ...klaviyo, ids, patch };
};
const named = (name: unknown, more: object = {}) => ({ data: { type: 'list', attributes: { name, ...more } } });

describe('lists', () => {
  it.each([
    ['', ['CCC', 'AAA', 'BBB']],
    ['?sort=created', ['CCC', 'AAA', 'BBB']],
    ['?sort=-created', ['BBB', 'AAA', 'CCC']],
    ['?sort=id', ['AAA', 'BBB', 'CCC']],
    ['?sort=-id', ['CCC', 'BBB', 'AAA']],
    ['?sort=name', ['CCC', 'BBB', 'AAA']],
    ['?sort=-name', ['AAA', 'BBB', 'CCC']],
    ['?sort=-updated', ['CCC', 'BBB', 'AAA']],
    ['?filter=any(name,["Birch","Amber","Nobody"])', ['CCC', 'BBB']],
    ['?filter=equals(id,"AAA")', ['AAA']],
    ['?filter=equals(id,"AAA"),equals(name,"Birch")', []],
    ['?filter=greater-than(created,2026-11-23T10:01:00Z)', ['BBB']],
    ['?filter=greater-than(updated,2026-11-23T10:02:30Z)', ['CCC']],
    ['?page[size]=2', ['CCC', 'AAA']],
  ])('4.27 come as %s asks', (query, expected) => {
    const { ids, patch } = world();
    patch('CCC', named('Amber'));
    expect(ids(query)).toEqual(expected);
  });

  it('4.28 come page by page, each once', () => {
    const { get, ids } = world();
    const { next } = get('/api/lists?page[size]=2').document.links;
    expect(ids(next!.replace('http://sandbox.test/api/lists', ''))).toEqual(['BBB']);
    expect(get('/api/lists?page[size]=3').document.links.next).toBeNull();
  });

  it.each([
    [{}, '/data', "'data' is a required field."],
    [{ data: { type: 'lists' } }, '/data/type', "Resource type must be 'list'."],
    [{ data: { type: 'list' } }, '/data/attributes/name', "'name' is a required field."],
    [named(''), '/data/attributes/name', "'name' is a required field."],
    [named(7), '/data/attributes/name', "'name' is a required field."],
    [named('New', { opt_in_process: 'triple_opt_in' }), '/data/attributes/opt_in_process', 'Not a valid choice.'],
  ])('4.30 are not made of %j', (json, pointer, detail) => {
    const { post, ids } = world();
    expect(post('/api/lists', json)).toMatchObject({
      status: 400,
      document: { errors: [{ code: 'invalid', detail, source: { pointer } }] },
    });
    expect(ids('')).toHaveLength(3);
  });

  it('4.30 are made with an id of six characters, double opt-in unless told', () => {
    const { post, get } = world();
    const { status, document } = post('/api/lists', named('New'));
    expect([status, document.data.attributes.name, document.data.attributes.opt_in_process]).toEqual([201, 'New', 'double_opt_in']);
    expect(document.data.id).toMatch(/^[A-Za-z0-9]{6}$/);
    expect(get(`/api/lists/${document.data.id}`).status).toBe(200);
    for (const choice of ['single_opt_in', 'double_opt_in', null])
      expect(post('/api/lists', named('X', { opt_in_process: choice })).document.data.attributes.opt_in_process).toBe(
        choice ?? 'double_opt_in',
      );
  });

  it('4.30 are renamed and deleted, and unknown ones are not', () => {
    const { patch, call, get, ids } = world();
    const renamed = patch('AAA', named('Oak'));
    expect([renamed.status, renamed.document.data.attributes.name]).toEqual([200, 'Oak']);
    expect(renamed.document.data.attributes.updated).toContain('2026-11-23T10:03:00');
    expect(renamed.document.data.attributes.created).toContain('2026-11-23T10:01:00');
    expect(call('DELETE', '/api/lists/AAA')).toMatchObject({ status: 204, text: '' });
    expect([get('/api/lists/AAA').status, ids('')]).toEqual([404, ['CCC', 'BBB']]);
    expect([patch('AAA', named('Oak')).status, call('DELETE', '/api/lists/AAA').status]).toEqual([404, 404]);
  });
});
