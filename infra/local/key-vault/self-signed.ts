import { createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';

/*
 * A certificate is a tree of DER values: one byte for the type, the length, the content (ITU-T X.690 section 8).
 * Only the dozen types that an X.509 v3 certificate needs are here (RFC 5280 section 4.1).
 */

/** Encodes one DER value: tag, length (short form below 128 bytes, else long form), content. */
export const der = (tag: number, ...content: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const lengthBytes: number[] = [];
  for (let rest = body.length; rest > 0; rest >>>= 8) lengthBytes.unshift(rest & 0xff);
  return Buffer.concat([Buffer.of(tag, 0x80 | lengthBytes.length, ...lengthBytes), body]);
};

/** Encodes an object identifier such as "2.5.29.17": the first two numbers share a byte, the others are base 128. */
export const objectId = (dotted: string): Buffer => {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  const bytes = rest.flatMap((part) => {
    const digits = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, Buffer.of(first * 40 + second, ...bytes));
};

const sequence = (...content: readonly Uint8Array[]): Buffer => der(0x30, ...content);
const set = (...content: readonly Uint8Array[]): Buffer => der(0x31, ...content);
const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
const octets = (content: Uint8Array): Buffer => der(0x04, content);
const explicit = (tag: number, content: Uint8Array): Buffer => der(0xa0 | tag, content);
/** Bits whose count is a multiple of eight unless `unusedBits` says otherwise. */
const bits = (content: Uint8Array, unusedBits = 0): Buffer => der(0x03, Buffer.of(unusedBits), content);
/** A positive integer: a leading 1 bit would make it negative, so a zero byte goes before it. */
const integer = (content: Buffer): Buffer => der(0x02, content[0]! & 0x80 ? Buffer.concat([Buffer.of(0), content]) : content);
/** Years before 2050 are written with two digits, later ones with four (RFC 5280 section 4.1.2.5). */
const time = (at: Date): Buffer => {
  const digits = at.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  return at.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
};
const extension = (id: string, critical: boolean, value: Buffer): Buffer =>
  sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(value));

export interface SelfSigned {
  /** PKCS #8 private key, PEM. */
  readonly key: string;
  /** X.509 v3 certificate, PEM. */
  readonly cert: string;
}

/**
 * Makes a P-256 key and a certificate for it that is valid for https://localhost and https://127.0.0.1.
 * It is no certificate authority: whoever trusts it trusts this server and nothing else.
 * @param commonName who trusts several must be able to tell them apart by it
 * @param validDays from one hour before `now`, for clocks that disagree
 * @see RFC 5280 section 4.1, RFC 5758 section 3.2 (ecdsa-with-SHA256)
 */
export const createSelfSigned = ({
  now,
  commonName = 'localhost',
  validDays = 365,
}: {
  readonly now: Date;
  readonly commonName?: string;
  readonly validDays?: number;
}): SelfSigned => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
  const name = sequence(set(sequence(objectId('2.5.4.3'), utf8(commonName))));
  const serial = randomBytes(16);
  serial[0] = 0x40 | (serial[0]! & 0x3f); // positive and without a leading zero byte
  const extensions = sequence(
    extension('2.5.29.19', true, sequence()), // basicConstraints: not a certificate authority
    extension('2.5.29.15', true, bits(Buffer.of(0x80), 7)), // keyUsage: digitalSignature
    extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'))), // extendedKeyUsage: serverAuth
    // subjectAltName: [2] dNSName, [7] iPAddress
    extension('2.5.29.17', false, sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)))),
  );
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.of(2))), // v3
    integer(serial),
    ecdsaWithSha256,
    name, // issuer: itself
    sequence(time(new Date(now.getTime() - 3_600_000)), time(new Date(now.getTime() + validDays * 86_400_000))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions),
  );
  const certificate = sequence(toBeSigned, ecdsaWithSha256, bits(sign('sha256', toBeSigned, privateKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g)!;
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  };
};

/** Tells whether a kept certificate and key belong together and are valid for another day. */
export const isUsable = ({ key, cert }: SelfSigned, now: Date): boolean => {
  try {
    const certificate = new X509Certificate(cert);
    const fits = certificate.publicKey.equals(createPublicKey(key));
    return fits && certificate.validToDate.getTime() - now.getTime() > 86_400_000;
  } catch {
    return false;
  }
};
