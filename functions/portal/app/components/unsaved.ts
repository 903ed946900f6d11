import { useEffect, useRef, useState } from 'react';
import { VERSION } from '../../../../shared/version';

/** Asks before the window is closed or left while something is unsaved. */
export const useLeaveWarning = (unsaved: boolean): void => {
  useEffect(() => {
    if (!unsaved) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [unsaved]);
};

/**
 * A value that outlives the page: kept for this tab until `forget` is called, so that what was typed survives an expired sign-in, a
 * reload, or a step back. Never for keys or personal data.
 */
export const useDraft = <T>(name: string, initial: T): readonly [T, (next: T | ((before: T) => T)) => void, () => void] => {
  // a draft of another version may have other fields
  const key = `portal-draft-${VERSION}-${name}`;
  const [value, setValue] = useState<T>(() => {
    try {
      const kept = sessionStorage.getItem(key);
      return kept === null ? initial : (JSON.parse(kept) as T);
    } catch {
      return initial;
    }
  });
  const forgotten = useRef(false);
  useEffect(() => {
    if (forgotten.current) return;
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // a browser that keeps nothing
    }
  }, [key, value]);
  const set = (next: T | ((before: T) => T)) => {
    forgotten.current = false;
    setValue(next);
  };
  const forget = () => {
    forgotten.current = true;
    sessionStorage.removeItem(key);
  };
  return [value, set, forget];
};
