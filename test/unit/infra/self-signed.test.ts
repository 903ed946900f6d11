import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSelfSigned, der, isUsable, objectId } from '../../../infra/local/key-vault/self-signed';

describe('DER', () => {
  it.each([
    [0, '0400'],
    [127, '047f'],
    [128, '048180'],
    [256, '04820100'],
    [65_536, '0483010000'],
  ])('writes the length %i in as few bytes as it needs', (length, start) => {
    const encoded = der(0x04, Buffer.alloc(length));
    expect(encoded.subarray(0, encoded.length - length).toString('hex')).toBe(start);
  });

  it.each([
    ['2.5.29.17', '0603551d11'],
    ['1.2.840.10045.4.3.2', '06082a8648ce3d040302'],
    ['1.3.6.1.5.5.7.3.1', '06082b06010505070301'],
  ])('writes the object identifier %s', (dotted, hex) => {
    expect(objectId(dotted).toString('hex')).toBe(hex);
  });
});

describe('the self-signed certificate', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const made = createSelfSigned({ now });
  const certificate = new X509Certificate(made.cert);

  it('names localhost and 127.0.0.1 and nobody else', () => {
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('example.com')).toBeUndefined();
  });

  it('is signed by its own key and is no certificate authority', () => {
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(made.key))).toBe(true);
    expect(certificate.ca).toBe(false);
  });

  it('is valid from an hour ago for a year, also past 2050', () => {
    expect(certificate.validFromDate).toEqual(new Date('2026-11-23T11:00:00Z'));
    expect(certificate.validToDate).toEqual(new Date('2027-11-23T12:00:00Z'));
    const late = new X509Certificate(createSelfSigned({ now: new Date('2051-01-02T03:04:05Z') }).cert);
    expect(late.validFromDate).toEqual(new Date('2051-01-02T02:04:05Z'));
  });

  it('is usable until a day before its end, with its own key only', () => {
    expect(isUsable(made, now)).toBe(true);
    expect(isUsable(made, new Date('2027-11-22T12:00:01Z'))).toBe(false);
    expect(isUsable({ ...made, key: createSelfSigned({ now }).key }, now)).toBe(false);
    expect(isUsable({ key: '', cert: 'x' }, now)).toBe(false);
  });

  it('has another serial number each time', () => {
    expect(new X509Certificate(createSelfSigned({ now }).cert).serialNumber).not.toBe(certificate.serialNumber);
  });
});
