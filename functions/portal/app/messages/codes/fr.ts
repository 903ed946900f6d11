import type { CodeMessages } from '../../shell/code-messages';

const fr: CodeMessages = {
  problems: {
    codes: {
      // of the HTTP layer
      invalid_input: 'Des champs manquent, sont incorrects ou inconnus ; corrigez ceux qui sont indiqués.',
      token_unknown: 'La liste a changé entre-temps ; rechargez-la depuis le début.',
      token_invalid: 'La liste a changé entre-temps ; rechargez-la depuis le début.',
      not_json: 'La requête n’a pas pu être lue. Rechargez la page et réessayez.',
      idempotency_key_malformed: 'La requête n’a pas pu être lue. Rechargez la page et réessayez.',
      not_signed_in: 'Votre session a expiré ; reconnectez-vous.',
      no_role: 'Vous n’avez pas de rôle dans cette application ; demandez à un administrateur de vous en attribuer un.',
      role_too_low: 'Votre rôle ne le permet pas ; adressez-vous à un administrateur.',
      cross_site: 'Cette demande vient d’un autre site web ; elle n’a pas été exécutée.',
      not_found: 'Cet élément n’existe pas ou n’existe plus.',
      route_unknown: 'Cette adresse n’existe pas. Rechargez la page : l’application a peut-être été mise à jour.',
      method_not_allowed: 'Cette adresse ne connaît pas cette opération. Rechargez la page : l’application a peut-être été mise à jour.',
      idempotency_key_in_use: 'La même demande est déjà en cours ; patientez quelques secondes, puis réessayez.',
      idempotency_answer_lost: 'Cette demande a déjà été exécutée ; rechargez la page pour en voir le résultat.',
      idempotency_key_reused: 'Une autre demande portait la même clé ; rechargez la page et réessayez.',
      changed_meanwhile: 'Quelqu’un d’autre l’a modifié entre-temps ; rechargez-le, puis recommencez.',
      already_exists: 'Cet élément existe déjà.',
      body_too_large: 'La demande est trop volumineuse ; réduisez-la.',
      content_type_unsupported: 'La requête n’a pas pu être lue. Rechargez la page et réessayez.',
      precondition_required: 'Rechargez la page, puis recommencez : il faut partir de la version la plus récente.',
      internal_error:
        'Une erreur imprévue s’est produite. Réessayez ; si elle persiste, transmettez la référence à la personne qui gère cette application.',
      internal: 'Une erreur imprévue s’est produite ; réessayez.',
      interrupted: 'L’opération a pris trop de temps, ou l’application redémarre ; réessayez.',
      too_large: 'C’est trop volumineux pour être enregistré ou envoyé ; réduisez-le.',
      // connections
      connection_unknown: 'Cette connexion n’existe pas ou n’est pas partagée avec vous ; choisissez-en une autre.',
      connection_not_made: 'La connexion que le document désigne n’a pas pu être créée ; créez-la d’abord.',
      key_being_changed: 'La clé de la connexion est en train d’être remplacée ; réessayez dans une minute.',
      connection_being_removed: 'La connexion est en train d’être supprimée.',
      consent_outdated: 'La déclaration à accepter a changé ; lisez-la à nouveau avant de donner votre accord.',
      secret_ours: 'Les secrets de ce nom appartiennent à cette application ; indiquez-en un autre.',
      secret_invalid: 'Le secret ne contient pas de clé API privée de Klaviyo, qui commence par pk_ ; corrigez-le dans Key Vault.',
      secret_disabled: 'Le secret est désactivé dans Key Vault, ou n’est pas valable à cette date ; activez-le là-bas.',
      vault_unavailable: 'Key Vault n’a pas répondu comme prévu ; réessayez dans un instant.',
      vault_refused:
        'Key Vault refuse l’accès à cette application ; donnez à son identité le rôle « Key Vault Secrets Officer » sur le coffre.',
      connection_in_use: 'Des exports utilisent cette connexion ; supprimez-les ou détachez-les d’abord.',
      name_taken: 'Une autre connexion porte déjà ce nom ; choisissez-en un autre.',
      key_refused: 'Klaviyo refuse la clé API ; saisissez une clé privée valable dans la connexion.',
      scope_missing: 'Il manque des autorisations à la clé API ; créez dans Klaviyo une clé qui possède les cinq.',
      account_differs: 'Cette clé appartient à un autre compte Klaviyo ; créez une connexion pour ce compte.',
      account_limited: 'Klaviyo ne le permet pas à ce compte ; vérifiez son forfait dans Klaviyo.',
      secret_unknown: 'Key Vault ne contient aucun secret de ce nom ; vérifiez le nom.',
      secret_given:
        'La clé de cette connexion est un secret à vous : changez-la dans Key Vault. Pour revenir à une clé saisie ici, créez une autre connexion et supprimez celle-ci.',
      secret_missing: 'La clé API n’est plus dans Key Vault ; restaurez-y le secret, ou saisissez à nouveau une clé dans la connexion.',
      secret_deleted: 'Key Vault conserve encore un secret supprimé de ce nom ; restaurez-le ou purgez-le là-bas.',
      // exports
      export_unknown: 'Cet export n’existe pas, ou il a été supprimé.',
      export_unreadable: 'Une version plus récente de cette application a enregistré un export ; installez cette version pour le lire.',
      export_view_only:
        'Vous pouvez consulter cet export, mais pas le modifier ni l’exécuter : sa connexion n’est pas partagée avec les contributeurs.',
      export_detached: 'L’export n’a pas de connexion ; choisissez-en une d’abord.',
      export_paused: 'L’export est en pause ; reprenez-le d’abord.',
      export_claimed: 'Une personne est en train d’être effacée des données de cet export ; réessayez dans quelques minutes.',
      list_unknown: 'Le compte Klaviyo n’a pas cette liste, ou ne l’a plus ; choisissez une autre liste.',
      list_quota_used: 'Klaviyo ne crée plus de liste aujourd’hui pour ce compte ; choisissez une liste existante ou réessayez demain.',
      segment_unknown: 'La source n’a pas ce segment, ou ne l’a plus ; choisissez-en un autre.',
      field_unknown: 'Un champ du mappage n’existe pas dans un des segments ; corrigez le mappage.',
      snapshot_incomplete: 'Les segments sont en cours d’écriture ; réessayez dans un instant.',
      count_too_slow: 'Le comptage prend plus de temps que prévu ; réessayez, ce qui est déjà compté est conservé.',
      segment_too_large_to_count: 'Ce segment compte trop d’adresses pour être compté à l’avance ; une exécution à blanc les compte.',
      figures_gone: 'Les chiffres ont été effacés entre-temps ; réessayez.',
      figures_unreadable: 'Les chiffres conservés sont illisibles ; réessayez.',
      cap_too_high: 'C’est plus que le nombre maximal de profils que cette application exporte ; choisissez une limite plus basse.',
      // notifications
      channel_unknown: 'Ce canal de notification n’existe pas ; il a peut-être été supprimé.',
      channel_url_needed: 'Un nouveau canal a besoin de l’adresse à laquelle les messages sont envoyés.',
      channel_url_refused:
        'L’adresse d’un canal doit mener à un hôte public, commencer par https:// et ne contenir aucun nom d’utilisateur.',
      channel_not_made: 'Un canal que le document désigne n’a pas pu être créé ; créez-le d’abord.',
      address_refused: 'L’adresse mène à un réseau privé ; rien n’y est envoyé.',
      // configuration
      configuration_refused: 'Rien n’a été modifié : des points du document s’y opposent.',
      configuration_busy: 'Un autre document est en cours d’application ; renvoyez le vôtre dans une minute.',
      partly_applied: 'Une partie des modifications a été appliquée ; renvoyez le même document.',
      // runs
      run_unknown: 'Cette exécution n’existe pas, ou son historique a été effacé.',
      run_active: 'Une exécution de cet export est en cours ; attendez qu’elle se termine.',
      time_reversed: 'Le début de la période se situe après sa fin ; inversez-les.',
      run_ended: 'L’exécution est déjà terminée ; il n’y a rien à annuler.',
      run_unreadable:
        'Une version plus récente de cette application a écrit cette exécution, et elle seule peut la poursuivre ; installez cette version.',
      not_last_run: 'Seule la dernière exécution terminée d’un export peut avoir une suite ; ouvrez celle-là.',
      nothing_held: 'Cette exécution n’a pas de retraits en attente d’une décision.',
      nothing_kept: 'Quelqu’un d’autre a été plus rapide ; rechargez la page.',
      nothing_rejected: 'Klaviyo n’a refusé aucune ligne de cette exécution ; il n’y a rien à renvoyer.',
      above_held: 'C’est plus que le nombre de retraits suspendus ; indiquez un nombre plus petit.',
      changed_since: 'Les segments, la liste ou l’export ont changé depuis ; exécutez l’export et regardez le nouveau résultat.',
      report_gone: 'Les lignes de cette exécution ne sont plus conservées ; exécutez l’export à nouveau pour les voir.',
      schedule_off: 'L’export n’a pas de planification active ; lancez-le séparément.',
      system_off: 'L’export suit l’actualisation du système, qui est désactivée ; lancez-le séparément.',
      // people
      trace_busy: 'D’autres recherches de personnes sont en cours ; réessayez dans une minute.',
      erasure_unknown: 'Cette demande d’effacement n’existe pas ; faites-la à nouveau.',
      connection_missing: 'La connexion n’existe plus ; choisissez-en une autre pour cet export.',
      segment_unreadable: 'Le segment n’a pas pu être lu ; réessayez.',
      // other services
      throttled: 'Klaviyo n’accepte pas davantage d’appels pour le moment ; réessayez dans un instant.',
      timeout: 'Klaviyo n’a pas répondu à temps ; réessayez.',
      no_answer: 'Klaviyo n’a pas répondu ; réessayez.',
      unreadable: 'La réponse de Klaviyo n’a pas pu être lue ; réessayez.',
      unavailable: 'Klaviyo rencontre des difficultés en ce moment ; réessayez plus tard.',
      edge_refused: 'Le réseau devant Klaviyo a refusé l’appel ; réessayez.',
      invalid: 'Klaviyo a refusé la requête.',
      conflict: 'Klaviyo a constaté un conflit.',
      unexpected: 'Une réponse imprévue est arrivée ; réessayez, le journal de l’application en sait davantage.',
      answer_unexpected:
        'La réponse de Klaviyo n’a pas la forme publiée ; voyez s’il existe une version plus récente de cette application.',
      encoding_refused: 'Klaviyo a refusé la compression de la requête.',
      filter_ignored: 'Klaviyo a répondu avec des personnes qui n’étaient pas demandées ; personne n’est donc retiré. Réessayez plus tard.',
      id_unknown: 'Ce n’est pas un identifiant de Klaviyo ; vérifiez la liste de cet export.',
      revision_retired: 'Klaviyo ne sert plus la révision de l’API que cette application utilise ; installez sa version la plus récente.',
      storage_unavailable: 'Azure Storage n’a pas répondu comme prévu ; réessayez dans un instant.',
      storage_busy: 'Quelqu’un d’autre travaille au même endroit ; réessayez.',
      storage_refused: 'Azure Storage refuse l’accès à cette application ; vérifiez ses attributions de rôles.',
      // the source
      model_malformed: 'Le fichier model.json de la source ne peut pas être utilisé ; relancez l’exportation de Customer Insights.',
      partition_missing: 'Un fichier de la source manque ; relancez l’exportation de Customer Insights.',
      source_changed: 'La source a été réécrite pendant sa lecture ; réessayez.',
    },
  },
  status: {
    codes: {
      // warnings of runs, and what they make of an export's health
      rows_invalid: 'Des lignes ont été écartées, faute d’adresse e-mail utilisable ; le rapport les nomme.',
      rows_rejected: 'Klaviyo a refusé des lignes de la dernière exécution ; son rapport les nomme.',
      rows_open: 'Klaviyo n’a pas dit ce que sont devenues certaines lignes ; la prochaine exécution regarde à nouveau.',
      rows_gone: 'Des lignes refusées ne sont plus dans la source ; le rapport les nomme.',
      removals_held: 'Des personnes ont quitté les segments, et leur retrait attend une décision ; approuvez-le ou écartez-le.',
      removals_postponed: 'Des personnes qui ont quitté les segments n’ont pas pu être retirées ; la prochaine exécution réessaie.',
      gap: 'Des personnes envoyées ne sont pas sur la liste ; la prochaine exécution renvoie tout le monde.',
      small_gap:
        'Quelques personnes recherchées ne sont pas sur la liste : elles l’ont quittée d’elles-mêmes, ont été retirées à la main, ou Klaviyo les traite encore.',
      canary_gap: 'Une partie des premières personnes envoyées n’était pas encore sur la liste ; le contrôle final regarde à nouveau.',
      source_empty: 'Les segments sont vides : rien n’a été envoyé et personne n’a été retiré. Vérifiez que leur actualisation fonctionne.',
      list_changed:
        'Les personnes envoyées à l’ancienne liste y sont toujours ; retirez-les dans Klaviyo si elles ne doivent pas y rester.',
      state_unreadable: 'Ce que les exécutions précédentes avaient envoyé n’a pas pu être lu : tout est renvoyé et personne n’est retiré.',
      state_key_changed:
        'Ce que les exécutions précédentes avaient envoyé a été écrit avec une autre clé : tout est renvoyé et personne n’est retiré.',
      state_lost: 'Les données de l’exécution ont été perdues à la fin ; la prochaine exécution renvoie tout.',
      not_verified:
        'L’arrivée de tout le monde n’a pas pu être vérifiée, car Klaviyo a répondu avec des personnes qui n’étaient pas demandées.',
      revision_differs:
        'Klaviyo sert une autre révision de l’API que celle pour laquelle cette application est faite ; installez la version la plus récente de l’application.',
      profiles_missing:
        'Des clients des segments n’ont pas encore de profil, donc personne n’est retiré ; ils arrivent avec la prochaine exécution.',
      many_invalid:
        'Beaucoup de lignes de la dernière exécution n’ont pas d’adresse e-mail utilisable ; vérifiez que le bon champ est mappé.',
      interrupted: 'L’exécution a été interrompue, puis reprise d’elle-même.',
      waiting_for_source: 'L’exécution attend que les segments soient complets.',
      slow_source: 'La source est trop lente pour être lue d’un seul trait ; elle est donc lue en plusieurs fois.',
      sent_uncompressed: 'Klaviyo a refusé une requête compressée ; cette exécution envoie donc sans compression.',
      over_cap: 'Les segments comptent plus de personnes que la limite de cet export ; relevez-la ou choisissez des segments plus petits.',
      // of an export
      failed: 'La dernière exécution a échoué ; ouvrez-la pour savoir pourquoi.',
      detached: 'L’export n’a pas de connexion et ne s’exécute donc pas ; choisissez-en une.',
      // why a run failed, was stopped or did nothing
      account_changed:
        'La clé API appartient à un autre compte Klaviyo qu’auparavant ; rien n’a été envoyé. Remettez une clé de l’ancien compte, ou créez une connexion pour le nouveau.',
      connection_removed: 'La connexion de cet export a été supprimée ; choisissez-en une autre.',
      all_rejected: 'Klaviyo a refusé toutes les lignes, donc personne n’a été ajouté ; les lignes refusées disent pourquoi.',
      cap_exceeded:
        'Les segments comptent plus de personnes que cet export n’a le droit d’en envoyer ; relevez sa limite ou choisissez des segments plus petits. Rien n’a été envoyé.',
      too_many_invalid:
        'Trop de lignes n’ont pas d’adresse e-mail utilisable ; vérifiez que le bon champ est mappé à l’e-mail. Rien n’a été envoyé.',
      canary_open:
        'Klaviyo n’a pas dit en une journée ce que sont devenues les premières lignes, donc rien d’autre n’a été envoyé ; consultez la page d’état de Klaviyo, puis exécutez l’export à nouveau.',
      canary_rejected:
        'Klaviyo n’a pris aucune des premières lignes, donc rien d’autre n’a été envoyé ; les lignes refusées disent pourquoi.',
      canary_missing:
        'Klaviyo a pris les premières lignes, mais aucune de ces personnes n’est arrivée sur la liste, donc rien d’autre n’a été envoyé ; vérifiez dans Klaviyo que la liste existe encore et que la clé appartient à son compte.',
      gave_up:
        'L’exécution n’a pas pu être menée à son terme ; cherchez dans le journal de l’application une limite de mémoire ou de temps.',
      too_long: 'L’exécution a duré trop longtemps et a été abandonnée.',
      unexpected: 'Une erreur imprévue s’est produite ; l’exécution peut être relancée, et le journal de l’application en sait davantage.',
      staged_missing: 'Les données préparées pour cette exécution ont disparu ; relancez l’export.',
      too_many_jobs: 'Il faudrait trop de tâches d’importation ; mappez moins de champs.',
      not_active: 'Une autre exécution a pris la place de celle-ci, qui n’a donc rien fait.',
      snapshot_served: 'Les segments n’ont pas été actualisés depuis la dernière exécution ; il n’y avait donc rien à envoyer.',
      snapshot_older:
        'Les segments sont plus anciens que ceux de la dernière exécution et n’ont donc pas été envoyés ; lancez l’export vous-même si c’est voulu.',
      snapshot_incomplete: 'Les segments n’ont pas été complets en l’espace d’une heure ; vérifiez l’exportation de Customer Insights.',
      canceled: 'L’exécution a été annulée. Klaviyo garde ce qu’il a déjà reçu, et la prochaine exécution en tient compte.',
      removed: 'L’exécution a été arrêtée, car son export est supprimé. Klaviyo garde ce qu’il a déjà reçu.',
      erased: 'L’exécution a été arrêtée, car une personne est effacée des données ; la prochaine exécution reprend le travail.',
      // the source
      folder_missing: 'Le dossier de la source n’existe pas ou est vide ; vérifiez les paramètres de la source.',
      model_missing:
        'Le dossier de la source ne contient pas de fichier model.json ; vérifiez que l’exportation de Customer Insights a eu lieu.',
      location_refused: 'La source désigne un fichier situé hors de son espace de stockage, qui n’est pas lu.',
      csv_malformed: 'Un fichier de la source ne peut pas être lu ; relancez l’exportation de Customer Insights.',
      header_mismatch:
        'Les colonnes d’un fichier de la source ne sont pas celles que model.json annonce ; relancez l’exportation de Customer Insights.',
      row_width:
        'Une ligne de la source n’a pas autant de colonnes que model.json l’annonce ; relancez l’exportation de Customer Insights.',
      row_too_long:
        'Une ligne de la source est trop longue ; mappez des champs plus courts, ou relancez l’exportation de Customer Insights.',
      too_many_columns: 'Un fichier de la source a trop de colonnes pour être lu.',
      partition_too_large: 'Un fichier compressé de la source est bien trop grand une fois décompressé ; il n’est pas lu.',
      source_too_slow: 'La source a été trop lente pour être lue en neuf minutes ; voyez si son débit est limité.',
      source_sign_in_refused: 'Dataverse refuse l’identité de cette application ; ajoutez-la là-bas comme utilisateur d’application.',
      source_sign_in_failed: 'Aucun jeton pour Dataverse n’a pu être obtenu ; vérifiez l’identité de l’application.',
      source_forbidden:
        'L’utilisateur d’application n’a pas le droit de lire les tables de Customer Insights dans Dataverse ; donnez-lui un rôle qui le permet.',
      source_table_missing:
        'Dataverse n’a pas cette table ou cette colonne ; vérifiez l’adresse de l’environnement et que Customer Insights y est installé.',
      source_throttled: 'Dataverse est trop sollicité en ce moment ; un nouvel essai aura lieu.',
      source_unavailable: 'Dataverse ne répond pas en ce moment ; un nouvel essai aura lieu.',
      source_unreachable: 'Dataverse est injoignable ; un nouvel essai aura lieu. Si cela dure, vérifiez l’adresse de l’environnement.',
      source_refused: 'Dataverse n’a pas pu traiter la requête ; les champs du mappage ont peut-être changé.',
      source_malformed: 'La réponse de Dataverse n’a pas pu être lue ; si cela dure, mappez moins de champs ou des champs plus courts.',
      // a field of the sample rows
      field_empty: 'Le champ est vide dans la source : rien n’est envoyé pour lui, et une valeur que Klaviyo possède y reste.',
      phone_invalid:
        'Ce n’est pas un numéro de téléphone avec indicatif de pays (+ et 8 à 15 chiffres), que Klaviyo refuserait ; la ligne est envoyée sans lui.',
    },
    counted: {
      rows_invalid:
        '{invalid, plural, one {# ligne a été écartée, faute d’adresse e-mail utilisable ; le rapport la nomme.} other {# lignes ont été écartées, faute d’adresse e-mail utilisable ; le rapport les nomme.}}',
      rows_rejected:
        '{rejected, plural, one {Klaviyo a refusé # ligne ; le rapport la nomme avec le motif de Klaviyo.} other {Klaviyo a refusé # lignes ; le rapport les nomme avec les motifs de Klaviyo.}}',
      rows_open:
        '{open, plural, one {Klaviyo n’a pas dit ce qu’est devenue # ligne ; la prochaine exécution regarde à nouveau.} other {Klaviyo n’a pas dit ce que sont devenues # lignes ; la prochaine exécution regarde à nouveau.}}',
      removals_held:
        '{held, plural, one {# personne a quitté les segments : c’est plus que ce qui peut être retiré sans décision.} other {# personnes ont quitté les segments : c’est plus que ce qui peut être retiré sans décision.}}',
      removals_postponed:
        '{held, plural, one {# personne qui a quitté les segments n’a pas pu être retirée ; la prochaine exécution réessaie.} other {# personnes qui ont quitté les segments n’ont pas pu être retirées ; la prochaine exécution réessaie.}}',
      cap_exceeded:
        'Les segments comptent {members, plural, one {# personne} other {# personnes}} avec une adresse valide, plus que cet export n’a le droit d’en envoyer ; relevez sa limite ou choisissez des segments plus petits. Rien n’a été envoyé.',
      too_many_invalid:
        'Sur {read, number} lignes, {unusable, number} n’ont pas d’adresse e-mail utilisable, plus que la part permise ; vérifiez que le bon champ est mappé à l’e-mail. Rien n’a été envoyé.',
      gap: 'Sur {expected, number} personnes recherchées, {found, number} sont sur la liste ; la prochaine exécution renvoie tout le monde.',
      small_gap:
        'Sur {expected, number} personnes recherchées, {found, number} sont sur la liste : les autres l’ont quittée d’elles-mêmes, ont été retirées à la main, ou Klaviyo les traite encore.',
      canceled:
        'L’exécution a été annulée après l’envoi de {sent, plural, one {# ligne} other {# lignes}} et le retrait de {removed, plural, one {# personne} other {# personnes}}. Klaviyo garde ce qu’il a reçu, et la prochaine exécution en tient compte.',
      removed:
        'L’exécution a été arrêtée, car son export est supprimé, après l’envoi de {sent, plural, one {# ligne} other {# lignes}} et le retrait de {removed, plural, one {# personne} other {# personnes}}. Klaviyo garde ce qu’il a reçu.',
      detached:
        'L’exécution a été arrêtée, car son export a été détaché de sa connexion, après l’envoi de {sent, plural, one {# ligne} other {# lignes}} et le retrait de {removed, plural, one {# personne} other {# personnes}}. Klaviyo garde ce qu’il a reçu.',
      erased:
        'L’exécution a été arrêtée, car une personne est effacée des données, après l’envoi de {sent, plural, one {# ligne} other {# lignes}} et le retrait de {removed, plural, one {# personne} other {# personnes}}. La prochaine exécution reprend le travail.',
    },
    rows: {
      email_missing: 'Le profil n’a pas d’adresse e-mail ; complétez-le dans la source ou excluez-le du segment.',
      email_invalid: 'L’adresse e-mail n’est pas valide ; corrigez-la dans la source.',
      email_too_long: 'L’adresse e-mail dépasse 100 caractères, ce que Klaviyo refuse ; corrigez-la dans la source.',
      profile_too_large:
        'Les champs mappés de ce profil dépassent 100 Ko, ce que Klaviyo refuse ; mappez moins de champs ou des champs plus courts.',
      missing_profile: 'Le segment nomme un client dont le profil n’est pas encore là ; il arrivera avec la prochaine actualisation.',
      duplicate:
        'Une autre ligne de cette adresse e-mail a été retenue, car Klaviyo a un seul profil par adresse ; seules les autres valeurs sont perdues.',
      job_cancelled: 'Klaviyo a annulé la tâche qui portait cette ligne ; la prochaine exécution la renvoie.',
      row_gone: 'Cette ligne avait été refusée, et la source ne la contient plus ; il n’y a rien à envoyer.',
      removal_held: 'Cette personne a quitté le segment ; le retrait attend une approbation.',
      refused: 'Klaviyo a refusé la ligne pour le motif indiqué ; corrigez-la dans la source.',
      duplicate_profile:
        'Les identifiants de cette ligne (adresse, téléphone, identifiant externe) appartiennent à deux profils de Klaviyo ; fusionnez-les là-bas ou mappez moins d’identifiants.',
      payload_too_large: 'Ce profil est plus volumineux que Klaviyo ne l’accepte ; mappez moins de champs ou des champs plus courts.',
    },
    conditions: {
      run_failed:
        '{count, plural, one {L’export « {name} » a échoué} other {L’export « {name} » a échoué # fois de suite}} ; sa dernière exécution dit pourquoi.',
      removals_held:
        '{held, plural, one {L’export « {name} » suspend # retrait, qui attend d’être approuvé ou écarté.} other {L’export « {name} » suspend # retraits, qui attendent d’être approuvés ou écartés.}}',
      rejected_share:
        'Klaviyo a refusé {rejected, number} des {sent, number} lignes ({share, number, ::percent .#}) de l’export « {name} » ; sa dernière exécution les nomme.',
      did_not_start:
        'Une exécution de l’export « {name} » est attendue depuis {minutes, plural, one {# minute} other {# minutes}} et n’a pas commencé ; vérifiez que l’application fonctionne.',
      source_stale:
        '{code, select, snapshot_older {Les segments de l’export « {name} » sont plus anciens que ceux de la fois précédente} other {Les segments de l’export « {name} » n’étaient pas complets}}, et sa dernière exécution n’a donc rien fait ; vérifiez que leur actualisation fonctionne.',
      key_refused:
        '{code, select, scopeMissing {La clé API de la connexion « {name} » n’a pas toutes les autorisations ; saisissez-en une qui a les cinq.} accountChanged {Le secret de la connexion « {name} » contient désormais une clé d’un autre compte Klaviyo ; remettez-y la clé de l’ancien compte.} other {Klaviyo refuse la clé API de la connexion « {name} » ; saisissez-en une qui est valable.}}',
      secret_missing:
        '{code, select, secretDisabled {Le secret de la connexion « {name} » est désactivé dans Key Vault ; activez-le là-bas.} secretInvalid {Le secret de la connexion « {name} » ne contient pas de clé API de Klaviyo ; mettez-y en une.} vaultRefused {Key Vault refuse cette application, et la connexion « {name} » ne peut donc pas servir ; vérifiez-y ses rôles.} other {La clé API de la connexion « {name} » n’est plus dans Key Vault ; restaurez le secret, ou saisissez une clé.}}',
      revision_retires:
        '{days, plural, =0 {La révision {name} de l’API de Klaviyo n’est plus servie ; installez une version plus récente de cette application.} one {La révision {name} de l’API de Klaviyo prend fin dans # jour ; installez avant cela une version plus récente de cette application.} other {La révision {name} de l’API de Klaviyo prend fin dans # jours ; installez avant cela une version plus récente de cette application.}}',
      channel_broken:
        'Le canal « {name} » ne reçoit plus de notifications, car son destinataire n’existe plus ; saisissez sa nouvelle adresse.',
    },
  },
};

export default fr;
