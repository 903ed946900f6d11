/** Puts a text on the clipboard. @returns false where the browser does not let it, e.g. over plain HTTP or without the permission */
export const copyText = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
};
