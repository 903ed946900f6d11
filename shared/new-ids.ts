import { createHash, randomBytes } from 'node:crypto';
import { ChannelId, ConnectionId, EraseId, ExportId, RunId, firstRunIdAt } from './ids';

const inLetters = (bytes: Buffer): string =>
  BigInt(`0x${bytes.toString('hex')}`)
    .toString(36)
    .padStart(Math.ceil((bytes.length * 8) / Math.log2(36)), '0');
const random = (bytes: number): string => inLetters(randomBytes(bytes));
/** Always the same for the same key; as hard to guess as that is. */
const keyed = (key: string): string => inLetters(createHash('sha256').update(key).digest().subarray(0, 10));

/** @param requestKey of the request that makes it: made again, it has the same id */
export const newConnectionId = (requestKey?: string): ConnectionId =>
  ConnectionId.parse(`con_${requestKey === undefined ? random(10) : keyed(requestKey)}`);
/** @param requestKey as for connections */
export const newExportId = (requestKey?: string): ExportId =>
  ExportId.parse(`exp_${requestKey === undefined ? random(10) : keyed(requestKey)}`);

export const newChannelId = (): ChannelId => ChannelId.parse(`chn_${random(8)}`);

export const newEraseId = (): EraseId => EraseId.parse(`era_${random(10)}`);

/** Run ids sort newest first, as table rows come in ascending order only. */
export const newRunId = (now: Date): RunId => RunId.parse(`${firstRunIdAt(now)}${random(6)}`);
