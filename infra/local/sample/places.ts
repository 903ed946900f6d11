/** A name as it is written, and as it stands in an e-mail address. */
type Name = readonly [written: string, ascii: string];

export interface Place {
  readonly country: string;
  /** Of all people, in relation to the other places. */
  readonly weight: number;
  readonly cities: readonly string[];
  readonly firstNames: readonly Name[];
  readonly lastNames: readonly Name[];
  /** Beginnings of mobile numbers in E.164, and the digits that follow them. */
  readonly phonePrefixes: readonly string[];
  readonly phoneDigits: number;
}

/** Names without accents: the address is the name in small letters. */
const plain = (names: string): Name[] => names.split(' ').map((name) => [name, name.toLowerCase()]);
const paired = (names: string): Name[] => names.split(' ').map((pair) => pair.split('=') as [string, string]);

export const places: readonly Place[] = [
  {
    country: 'United States',
    weight: 24,
    cities: ['New York', 'Chicago', 'San José', 'Austin', 'Boston', 'Seattle', 'Washington, D.C.'],
    firstNames: plain('Mary James Ada Grace Linda Robert Michael Barbara Jordan Casey Olivia Liam'),
    lastNames: [
      ...plain('Smith Johnson Lovelace Hopper Garcia Miller Davis Wilson Lee Walker'),
      ["O'Brien", 'obrien'],
      ['Smith-Jones', 'smith-jones'],
    ],
    phonePrefixes: ['+1212', '+1415', '+1312', '+1206', '+1617', '+1512', '+1213', '+1305'],
    phoneDigits: 7,
  },
  {
    country: 'United Kingdom',
    weight: 12,
    cities: ['London', 'Manchester', 'Leeds', 'Glasgow', 'Bristol', 'Stoke-on-Trent'],
    firstNames: [...plain('Oliver George Amelia Isla Harry Emily Jack Sophie Alan Rosalind'), ['Siân', 'sian'], ['Zoë', 'zoe']],
    lastNames: [...plain('Jones Taylor Brown Evans Thomas Roberts Turing Franklin Clarke'), ["D'Arcy", 'darcy']],
    phonePrefixes: ['+4474', '+4475', '+4477', '+4478'],
    phoneDigits: 8,
  },
  {
    country: 'Germany',
    weight: 14,
    cities: ['Berlin', 'München', 'Köln', 'Düsseldorf', 'Hamburg', 'Fürth', 'Halle (Saale)'],
    firstNames: [...plain('Anna Lukas Emma Paul Hannah Felix'), ...paired('Jörg=joerg Käthe=kaethe Jürgen=juergen Zoé=zoe Sören=soeren')],
    lastNames: [
      ...plain('Schmidt Weber Wagner Becker Hoffmann'),
      ...paired('Müller=mueller Schröder=schroeder Weiß=weiss Groß=gross Böhm=boehm'),
    ],
    phonePrefixes: ['+49151', '+49160', '+49170', '+49176'],
    phoneDigits: 8,
  },
  {
    country: 'France',
    weight: 11,
    cities: ['Paris', 'Lyon', 'Marseille', 'Saint-Étienne', 'Orléans', 'Nîmes'],
    firstNames: [
      ...plain('Louise Gabriel Camille Hugo Alice Jules'),
      ...paired('Chloé=chloe Éloïse=eloise François=francois Benoît=benoit Maëlle=maelle'),
    ],
    lastNames: [
      ...plain('Martin Bernard Dubois Moreau Laurent'),
      ...paired('Lefèvre=lefevre Gauthier=gauthier Héroux=heroux Françoise=francoise'),
    ],
    phonePrefixes: ['+336', '+337'],
    phoneDigits: 8,
  },
  {
    country: 'España',
    weight: 8,
    cities: ['Madrid', 'Málaga', 'Logroño', 'A Coruña', 'Sevilla', 'Cádiz'],
    firstNames: [...plain('Lucia Hugo Carmen Pablo Elena'), ...paired('José=jose Íñigo=inigo Begoña=begona Andrés=andres Sofía=sofia')],
    lastNames: [...plain('Moreno Ruiz Navarro Torres'), ...paired('García=garcia Muñoz=munoz Peña=pena Núñez=nunez Ibáñez=ibanez')],
    phonePrefixes: ['+346'],
    phoneDigits: 8,
  },
  {
    country: 'Italia',
    weight: 7,
    cities: ['Roma', 'Milano', 'Forlì', 'Cefalù', 'Reggio nell’Emilia', "L'Aquila"],
    firstNames: [...plain('Giulia Marco Francesca Matteo Chiara Luca'), ...paired('Niccolò=niccolo Noè=noe')],
    lastNames: [...plain('Rossi Russo Ferrari Bianchi Conti'), ...paired("D'Angelo=dangelo Calò=calo Nicolò=nicolo")],
    phonePrefixes: ['+39320', '+39333', '+39347', '+39380'],
    phoneDigits: 7,
  },
  {
    country: 'Polska',
    weight: 5,
    cities: ['Warszawa', 'Kraków', 'Łódź', 'Gdańsk', 'Wrocław', 'Częstochowa'],
    firstNames: [...plain('Anna Jan Zofia Piotr Maria'), ...paired('Michał=michal Łukasz=lukasz Grażyna=grazyna Józef=jozef')],
    lastNames: [...plain('Nowak Kowalski Kaczmarek'), ...paired('Wiśniewska=wisniewska Dąbrowski=dabrowski Wójcik=wojcik Żak=zak')],
    phonePrefixes: ['+4850', '+4860', '+4869', '+4879'],
    phoneDigits: 7,
  },
  {
    country: 'Sverige',
    weight: 4,
    cities: ['Stockholm', 'Göteborg', 'Malmö', 'Örebro', 'Umeå'],
    firstNames: [...plain('Astrid Erik Maja Lars Ingrid'), ...paired('Björn=bjorn Åsa=asa Märta=marta')],
    lastNames: [...plain('Johansson Karlsson Berg'), ...paired('Åström=astrom Lindström=lindstrom Sjögren=sjogren')],
    phonePrefixes: ['+4670', '+4672', '+4673', '+4676'],
    phoneDigits: 7,
  },
  {
    country: 'Brasil',
    weight: 5,
    cities: ['São Paulo', 'Brasília', 'Goiânia', 'Recife', 'Florianópolis'],
    firstNames: [...plain('Ana Pedro Mariana Lucas'), ...paired('João=joao Antônia=antonia Inês=ines Luís=luis')],
    lastNames: [...plain('Silva Santos Oliveira Souza'), ...paired('Gonçalves=goncalves Araújo=araujo Conceição=conceicao')],
    phonePrefixes: ['+55119', '+55219'],
    phoneDigits: 8,
  },
  {
    country: '日本',
    weight: 4,
    cities: ['東京', '大阪', '京都', '札幌', '横浜'],
    firstNames: paired('陽菜=hina 蓮=ren 結衣=yui 大翔=hiroto 美咲=misaki 健太=kenta'),
    lastNames: paired('佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe'),
    phonePrefixes: ['+8170', '+8180', '+8190'],
    phoneDigits: 8,
  },
  {
    country: '中国',
    weight: 3,
    cities: ['北京', '上海', '深圳', '成都', '杭州'],
    firstNames: paired('伟=wei 芳=fang 秀英=xiuying 磊=lei 静=jing 𠮷祥=jixiang'),
    lastNames: paired('王=wang 李=li 张=zhang 刘=liu 陈=chen 欧阳=ouyang'),
    phonePrefixes: ['+86138', '+86139', '+86186'],
    phoneDigits: 8,
  },
  {
    country: '대한민국',
    weight: 2,
    cities: ['서울', '부산', '인천', '대구'],
    firstNames: paired('서연=seoyeon 민준=minjun 지우=jiwoo 하은=haeun'),
    lastNames: paired('김=kim 이=lee 박=park 최=choi'),
    phonePrefixes: ['+8210'],
    phoneDigits: 8,
  },
  {
    country: 'Ελλάδα',
    weight: 1,
    cities: ['Αθήνα', 'Θεσσαλονίκη', 'Πάτρα'],
    firstNames: paired('Γιώργος=giorgos Μαρία=maria Ελένη=eleni Νίκος=nikos'),
    lastNames: paired('Παπαδόπουλος=papadopoulos Νικολάου=nikolaou Γεωργίου=georgiou'),
    phonePrefixes: ['+30694', '+30697'],
    phoneDigits: 7,
  },
];

/** What a CSV reader trips over; every fiftieth person or so has one. */
export const awkwardFirstNames: readonly Name[] = [
  ['Robert "Bob"', 'bob'],
  ['Anna\nMaria', 'anna.maria'],
  ['Dr. Eva, MD', 'eva'],
  ['"Ace"', 'ace'],
  ['Jean\r\nPaul', 'jean.paul'],
  ['Zoë 🌻', 'zoe'],
];
export const awkwardCities: readonly string[] = [
  'Frankfurt\nam Main',
  'Washington, D.C.',
  'Köln "Altstadt"',
  'Berlin; Mitte',
  'Québec,\r\n"Vieux-Port"',
  'Tab\tTown',
];

export const emailDomains: readonly string[] = [
  'example.com',
  'example.org',
  'example.net',
  'mail.example.com',
  'post.example.org',
  'shop.example.net',
];

/** Each of these is refused by any reading of the word "address". */
export const badEmails: readonly string[] = [
  '',
  'n/a',
  'nobody@',
  '@example.com',
  'two@@example.com',
  'has space@example.com',
  'no-at-sign.example.com',
  'trailing.dot@example.com.',
  'comma,inside@example.com',
  'no-tld@example',
];

export const badPhones: readonly string[] = ['12345', 'n/a', '+', 'unknown', '+1 555 CALL', '000', '+999999999999999999999'];

export const loyaltyTiers: readonly string[] = ['Bronze', 'Silver', 'Gold', 'Platinum', ''];

/** What customers bought last, for segments that repeat them. */
export const products: readonly string[] = ['Tea, green', 'Coffee', 'Cup "Blue"', 'Pot', 'Kettle'];

/** Streets of wide segments; a house number follows. */
export const streetNames = [
  'Rue de la République',
  'Avenue du Général Leclerc',
  'Marienplatz',
  'Kurfürstendamm',
  'Königsallee',
  'High Street',
  'Victoria Road',
  'Main Street',
  'Martin Luther King Boulevard',
  'Via Giuseppe Garibaldi',
  'Calle de Alcalá',
  'Rua Augusta',
];
