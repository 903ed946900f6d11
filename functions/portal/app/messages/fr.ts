import type en from './en';

const fr: typeof en = {
  common: {
    cancel: 'Annuler',
    close: 'Fermer',
    save: 'Enregistrer',
    select: 'Sélectionner',
    selectAll: 'Tout sélectionner',
    selectOne: 'Sélectionner {name}',
    more: 'Plus',
    search: 'Rechercher',
    none: 'aucun',
    unknown: 'inconnu',
  },
  shell: {
    name: 'Customer Insights vers Klaviyo',
    menu: 'Menu principal',
    crumbs: 'Où vous êtes',
    skip: 'Aller au contenu',
    loading: 'Chargement…',
    preferences: 'Langue et apparence',
    language: 'Langue',
    languageOfBrowser: 'Celle du navigateur',
    theme: 'Apparence',
    themes: { system: 'Celle du système', light: 'Clair', dark: 'Sombre' },
    roles: { Administrator: 'Administrateur', Contributor: 'Contributeur', Viewer: 'Lecteur' },
    localRole: 'Rôle local : {role}',
    areas: { exports: 'Exports', runs: 'Exécutions', connections: 'Connexions', settings: 'Paramètres', access: 'Accès et activité' },
    notFoundTitle: 'Cette page n’existe pas',
    notFound: 'L’adresse est peut-être mal écrite, ou ce qu’elle désignait a été supprimé. Le menu mène à ce qui existe.',
    notForYouTitle: 'Cette page n’est pas ouverte à votre rôle',
    notForYou: 'Demandez à un administrateur de cette application un rôle qui y donne accès.',
    noRoleTitle: 'Vous n’avez pas de rôle dans cette application',
    noRole:
      'Vous êtes connecté, mais personne ne vous a encore attribué de rôle. Demandez à un administrateur de vous en attribuer un dans Microsoft Entra ID (Administrateur, Contributeur ou Lecteur), puis rechargez cette page.',
    signInTitle: 'Veuillez vous connecter',
    signIn: 'Connectez-vous avec le compte de votre organisation pour voir vos exports.',
    signedOutTitle: 'Votre session a expiré',
    signedOut: 'Reconnectez-vous dans une petite fenêtre ; ce que vous avez saisi ici est conservé.',
    signInButton: 'Se connecter',
    signedInButton: 'Je me suis connecté',
    signedInAgain: 'Vous êtes connecté. Vous pouvez fermer cette fenêtre.',
  },
  problems: {
    offline:
      'L’application est injoignable pour le moment. Elle est sollicitée à nouveau automatiquement ; ce qui est affiché peut être ancien.',
    unexpected: 'Une erreur s’est produite (statut {status}).',
    reference: 'Référence : {id}',
    copyReference: 'Copier la référence',
    requestId: 'Identifiant de requête de {service} : {id}',
    copyRequestId: 'Copier l’identifiant de requête',
    retry: 'Réessayer',
    codes: {},
  },
  forms: {
    required: 'Veuillez remplir ce champ.',
    atLeastOne: 'Veuillez en choisir au moins un.',
    atLeast: 'Au moins {minimum, number}, s’il vous plaît.',
    atMost: 'Au plus {maximum, number}, s’il vous plaît.',
    tooLong: 'Au plus {maximum, number} caractères, s’il vous plaît.',
    tooMany: 'Au plus {maximum, number}, s’il vous plaît.',
    wrongKind: 'Cette valeur ne peut pas être utilisée ici.',
    wrongFormat: 'Cette valeur ne semble pas correcte.',
    custom: {
      'expected a private Klaviyo API key, which begins with pk_': 'Une clé API privée de Klaviyo commence par pk_.',
      'expected the name of a secret in the linked Key Vault':
        'Lettres, chiffres et traits d’union, tels que le secret est nommé dans Key Vault.',
      'expected either apiKey or secretName': 'Veuillez saisir la clé, ou le nom d’un secret.',
    },
  },
  status: {
    health: { healthy: 'Sain', attention: 'À vérifier', failing: 'En échec' },
    activity: { idle: 'Au repos', queued: 'En file d’attente', running: 'En cours', waiting: 'En attente', paused: 'En pause' },
    run: {
      queued: 'En file d’attente',
      refreshing: 'En cours',
      successful: 'Réussie',
      withWarnings: 'Réussie avec avertissements',
      failed: 'Échouée',
      skipped: 'Ignorée',
      canceled: 'Annulée',
    },
    trigger: {
      schedule: 'Planification',
      event: 'Nouvelles données',
      onDemand: 'À la demande',
      request: 'Autre système',
      retry: 'Nouvelle tentative',
      approval: 'Approbation',
    },
    phase: {
      prepare: 'Préparer',
      gate: 'Vérifier le plan',
      canary: 'Premier petit envoi',
      submit: 'Envoyer',
      settle: 'Attendre Klaviyo',
      remove: 'Retirer les partants',
      verify: 'Contrôler',
      finish: 'Terminer',
    },
    notSubscribed:
      'Être sur la liste ne veut pas dire être abonné : cette application ne donne ni ne retire jamais de consentement marketing.',
    codes: {},
  },
  exports: {
    title: 'Exports',
  },
  runs: {
    title: 'Exécutions',
  },
  exportEditor: {
    newTitle: 'Nouvel export',
    editTitle: 'Modifier l’export',
  },
  exportDetail: {
    title: 'Export',
  },
  runDetail: {
    title: 'Exécution {number}',
  },
  connections: {
    title: 'Connexions',
    newTitle: 'Nouvelle connexion',
  },
  settings: {
    title: 'Paramètres',
  },
  access: {
    title: 'Accès et activité',
  },
};

export default fr;
