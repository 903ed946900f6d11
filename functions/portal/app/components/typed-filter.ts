import { useEffect, useState } from 'react';
import { useSearchState } from './search-state';

/** What is typed counts once the typing rests. */
const REST_MS = 300;

/** A filter that is typed: it goes into the address when the typing rests, and follows the address when that changes by itself. */
export const useTypedFilter = (name: string): readonly [string, (typed: string) => void] => {
  const { value, set } = useSearchState();
  const inAddress = value(name) ?? '';
  const [typed, setTyped] = useState(inAddress);
  const [known, setKnown] = useState(inAddress);
  if (known !== inAddress) {
    setKnown(inAddress);
    setTyped(inAddress);
  }
  useEffect(() => {
    if (typed === inAddress) return;
    const timer = setTimeout(() => set({ [name]: typed }), REST_MS);
    return () => clearTimeout(timer);
  }, [typed, inAddress, name, set]);
  return [typed, setTyped];
};
