import en from '../../../functions/portal/app/messages/en';
import codes from '../../../functions/portal/app/messages/codes/fr';
import fr from '../../../functions/portal/app/messages/fr';
import { flatten } from '../../support/portal-messages';
import { buildModule } from './build-module';

const evaluate = buildModule(
  'compiled-messages.mjs',
  `import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
   import { _createCache, _createIntlFormatters } from 'use-intl/core';
   import written from 'use-intl/format-message';
   import shown from 'use-intl/format-message/format-only';
   // what a text asks for: a function for a tag, one of its words for a choice, a number, or a name
   const valuesOf = (nodes, round, values = {}) => {
     for (const node of nodes) {
       if (node.type === TYPE.tag) values[node.value] = (parts) => '<' + parts + '>';
       if (node.type === TYPE.select) values[node.value] = Object.keys(node.options)[round % Object.keys(node.options).length];
       if (node.type === TYPE.plural || node.type === TYPE.number) values[node.value] = [0, 1, 2, 0.056, 1234567][round];
       if (node.type === TYPE.argument) values[node.value] ??= 'Ada';
       if (node.type === TYPE.date || node.type === TYPE.time) values[node.value] = new Date(0);
       valuesOf(node.children ?? [], round, values);
       for (const { value } of Object.values(node.options ?? {})) valuesOf(value, round, values);
     }
     return values;
   };
   const cache = _createCache();
   const options = (locale) => ({ cache, formatters: _createIntlFormatters(cache), locale, timeZone: 'UTC' });
   const joined = (one) => Array.isArray(one) ? one.join('') : one;
   const differ = ([locale, texts]) => texts.flatMap((text) => [0, 1, 2, 3, 4].flatMap((round) => {
     const values = valuesOf(parse(text), round);
     const before = joined(written('key', text, values, options(locale)));
     const now = joined(shown('key', it.compiled({ text }).text, values, options(locale)));
     return before === now ? [] : [[before, now]];
   }))`,
);

it('every text reads the same, compiled while the pages are built, as the library itself would show it', () => {
  const texts = [
    ['en', [...flatten(en).values()]],
    ['fr', [...flatten(fr).values(), ...flatten(codes).values()]],
  ];
  expect(evaluate('given.map(differ)', texts)).toEqual([[], []]);
});

it('a text that cannot be read is named', () => {
  expect(() => evaluate('it.compiled(given)', { page: { title: '{count, plural, one {#}' } })).toThrow(/title: .* in: \{count, plural/);
});
