/**
 * Country calling codes in use, by their digits (ITU-T E.164, list of assigned codes). A number whose code nobody has would cost its
 * whole job a refusal (klaviyo.md §2).
 */
const codes =
  '1 20 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 243 244 245 246 247 248 249 ' +
  '250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269 27 290 291 297 298 299 30 31 32 33 34 350 351 352 353 354 355 356 357 ' +
  '358 359 36 370 371 372 373 374 375 376 377 378 379 380 381 382 383 385 386 387 389 39 40 41 420 421 423 43 44 45 46 47 48 49 500 501 502 503 504 ' +
  '505 506 507 508 509 51 52 53 54 55 56 57 58 590 591 592 593 594 595 596 597 598 599 60 61 62 63 64 65 66 670 672 673 674 675 676 677 678 679 680 ' +
  '681 682 683 685 686 687 688 689 690 691 692 7 81 82 84 850 852 853 855 856 86 880 886 90 91 92 93 94 95 960 961 962 963 964 965 966 967 968 970 ' +
  '971 972 973 974 975 976 977 98 992 993 994 995 996 998';

/** 1 where the number made of the leading digits is an assigned code; index = digits + 1,000 × their count */
const assigned = new Uint8Array(4_000);
for (const code of codes.split(' ')) assigned[Number(code) + 1_000 * code.length] = 1;

/**
 * Whether a field holds an international number that Klaviyo takes: +, an assigned country code, 8 to 15 digits in all (E.164);
 * blanks, hyphens, dots and brackets between them are no obstacle. For +1, ten digits whose area and exchange begin with 2–9.
 */
export const isPhone = (bytes: Uint8Array, start: number, end: number): boolean => {
  let digits = 0;
  let plus = false;
  let code = 0;
  let known = false;
  let northAmerica = false;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i]!;
    if (byte >= 0x30 && byte <= 0x39) {
      if (!plus) return false;
      const digit = byte - 0x30;
      digits += 1;
      if (digits === 1 && digit === 0) return false;
      if (digits <= 3 && !known) {
        code = code * 10 + digit;
        known = assigned[code + 1_000 * digits] === 1;
        northAmerica = known && code === 1;
      }
      if (northAmerica && (digits === 2 || digits === 5) && digit < 2) return false;
    } else if (byte === 0x2b) {
      if (plus || digits > 0) return false;
      plus = true;
    } else if (byte !== 0x20 && byte !== 0x2d && byte !== 0x2e && byte !== 0x28 && byte !== 0x29) return false;
  }
  return known && digits >= 8 && digits <= 15 && (!northAmerica || digits === 11);
};
