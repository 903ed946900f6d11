/**
 * Functions that run inside a page; playwright sends their text there. The project's own code knows no browser, so its types are not
 * loaded: here stands as much of them as is used.
 */
interface PageElement {
  readonly tagName: string;
  readonly outerHTML: string;
  readonly tabIndex: number;
  readonly dataset: Record<string, string>;
  readonly type?: string;
  readonly name?: string;
  matches(selector: string): boolean;
  closest(selector: string): PageElement | null;
  getClientRects(): { readonly length: number };
  getBoundingClientRect(): { readonly right: number };
  blur(): void;
}
declare const document: {
  readonly documentElement: { readonly scrollWidth: number; readonly clientWidth: number };
  readonly activeElement: PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
};
declare const getComputedStyle: (element: PageElement) => { readonly visibility: string };
declare const scrollTo: (x: number, y: number) => void;

/** By how many pixels the page can be moved to the side, and the first things that stick out. */
export const overflow = (): string[] => {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const out = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > clientWidth + 1);
  return [`${scrollWidth - clientWidth} px too wide`, ...out.slice(0, 5).map((element) => element.outerHTML.slice(0, 160))];
};

/**
 * Marks everything that the Tab key has to reach, and says what it is. Of radio buttons, tabs and
 * the marks of a plot it reaches one; arrows reach the others.
 */
export const markTabStops = (): string[] => {
  const groups = new Set<unknown>();
  /** what a stop shares with others; undefined where it stands alone */
  const groupOf = (element: PageElement): unknown => {
    if (element.tagName === 'INPUT' && element.type === 'radio') return element.name ?? '';
    return element.closest('svg, [role="tablist"]') ?? undefined;
  };
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')];
  const stops = all.filter((element) => {
    if (element.tabIndex < 0 || element.matches(':disabled') || element.closest('[inert], [aria-hidden="true"]')) return false;
    if (element.getClientRects().length === 0 || getComputedStyle(element).visibility === 'hidden') return false;
    const group = groupOf(element);
    if (group === undefined) return true;
    const isFirst = !groups.has(group);
    groups.add(group);
    return isFirst;
  });
  return stops.map((element, index) => {
    const mark = `${index}: ${element.outerHTML.slice(0, 120)}`;
    const group = groupOf(element);
    const marked = group === undefined ? [element] : all.filter((one) => groupOf(one) === group);
    for (const one of marked) one.dataset['tabStop'] = mark;
    return mark;
  });
};

/** So that the next Tab begins at the top. */
export const forgetFocus = (): void => {
  scrollTo(0, 0);
  document.activeElement?.blur();
};

export const focusedMark = (): string | undefined => document.activeElement?.dataset['tabStop'];

/** The marks that are still there. */
export const marksLeft = (): string[] => [
  ...new Set([...document.querySelectorAll('[data-tab-stop]')].map(({ dataset }) => dataset['tabStop'] ?? '')),
];

export const isFocused = (element: unknown): boolean => element === document.activeElement;

export const isOneFocused = (elements: readonly unknown[]): boolean => elements.includes(document.activeElement);
