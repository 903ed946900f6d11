type Column = Float64Array | Uint32Array | Int32Array | Uint8Array;

/** Returns a column with room for `length` entries: the same one, or a copy half as large again. */
export const withRoom = <T extends Column>(column: T, length: number): T => {
  if (length <= column.length) return column;
  const Kind = column.constructor as new (size: number) => T;
  const larger = new Kind(Math.max(1024, length, Math.ceil(column.length * 1.5)));
  larger.set(column);
  return larger;
};
