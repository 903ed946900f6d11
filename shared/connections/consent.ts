import { z } from 'zod';
import { ConflictError } from '../errors';

/** Version of the statement that an administrator agrees to; a new text has a new one, and the newer version is the greater text. */
export const CONSENT_VERSION = '2026-11';

const Statement = z
  .object({
    title: z.string(),
    paragraphs: z.array(z.string()),
    /** what stands beside the box to tick */
    agreement: z.string(),
  })
  .meta({ id: 'ConsentStatement' });

/** The statement in force, in every language of the portal. */
export const Consent = z.object({ version: z.string(), statements: z.object({ en: Statement, fr: Statement }) }).meta({
  id: 'Consent',
  description: 'What an administrator agrees to before a connection is made',
});
export type Consent = z.infer<typeof Consent>;

/**
 * What leaves, who is responsible, how to stop; and that this agreement is not the consent of the people whose data it is.
 * @see customer-insights.md §1.9 for the facts (export-klaviyo.md, connections.md, consent-management.md); the words are ours
 */
export const consent: Consent = {
  version: CONSENT_VERSION,
  statements: {
    en: {
      title: 'Data leaves Dynamics 365 Customer Insights',
      paragraphs: [
        'What leaves: exports that use this connection send the e-mail address of each member of the chosen segments, and every other field that you map, to your Klaviyo account. That is personal data, and some of it may be sensitive. It leaves the compliance boundary of Dynamics 365 Customer Insights, and Klaviyo’s own terms apply from there on.',
        'Who is responsible: the data is sent because your organisation tells this app to. Your organisation sees to it that it may use the data in this way, and that Klaviyo meets the privacy and security duties that you have.',
        'This is not your customers’ consent: you agree here to the transfer, your customers agree to marketing. Keep to their choice with a rule in the segment, e.g. that the newsletter consent is true. This app subscribes nobody and unsubscribes nobody; being on a list is not consent.',
        'How to stop: an administrator can remove the connection at any time, and nothing is sent from then on. What has been sent stays in Klaviyo until you delete it there.',
      ],
      agreement: 'I have read this, and I agree to it on behalf of my organisation.',
    },
    fr: {
      title: 'Des données quittent Dynamics 365 Customer Insights',
      paragraphs: [
        'Ce qui sort : les exports qui utilisent cette connexion envoient à votre compte Klaviyo l’adresse e-mail de chaque membre des segments choisis, ainsi que tous les autres champs que vous associez. Ce sont des données personnelles, dont certaines peuvent être sensibles. Elles quittent le périmètre de conformité de Dynamics 365 Customer Insights ; à partir de là, les conditions de Klaviyo s’appliquent.',
        'Qui est responsable : les données sont envoyées parce que votre organisation le demande à cette application. Il lui revient de s’assurer qu’elle a le droit d’utiliser ainsi ces données, et que Klaviyo remplit les obligations de confidentialité et de sécurité qui sont les vôtres.',
        'Ce n’est pas le consentement de vos clients : vous acceptez ici le transfert, vos clients acceptent de recevoir vos messages. Respectez leur choix par une règle dans le segment, par exemple « consentement à la newsletter = vrai ». Cette application n’abonne et ne désabonne personne ; figurer sur une liste n’est pas un consentement.',
        'Comment arrêter : un administrateur peut supprimer la connexion à tout moment, et plus rien n’est envoyé ensuite. Ce qui a déjà été envoyé reste dans Klaviyo jusqu’à ce que vous l’y supprimiez.',
      ],
      agreement: 'J’ai lu ce texte et je l’accepte au nom de mon organisation.',
    },
  },
};

/**
 * Holds the version that somebody says to agree to against the one in force.
 * @throws ConflictError consent_outdated
 */
export const requireCurrentConsent = (version: string | undefined): void => {
  if (version === undefined || version === CONSENT_VERSION) return;
  throw new ConflictError({
    code: 'consent_outdated',
    message: `The statement in force is version ${CONSENT_VERSION}, not ${version}; read it at /api/consent, and agree to that version.`,
    pointer: '/consentVersion',
    details: { consentVersion: CONSENT_VERSION },
  });
};
