# Messaggi ai titolari dei conti, italiano.

footer = Questo messaggio è stato inviato automaticamente per il conto { $account }.
talk-time = { $seconds ->
        [0] { $minutes } min
       *[other] { $minutes } min { $seconds } s
    }

low-balance-subject = { $account }: credito sceso a { $balance }
low-balance-body =
    Il credito del conto { $account } è di { $balance }, sotto la soglia di avviso di { $threshold }.

    Quando sarà esaurito, le chiamate in corso termineranno e quelle nuove saranno rifiutate. Una ricarica vale subito, anche per le chiamate in corso.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] resta meno di un minuto
        [one] resta un minuto
       *[other] restano { $minutes } minuti
    }
low-minutes-body =
    { $minutes ->
        [0] Resta meno di un minuto
        [one] Resta un minuto
       *[other] Restano { $minutes } minuti
    } nel pacchetto «{ $pocket }» del conto { $account } e il credito non basta per chiamare in seguito.

    Per continuare a chiamare effettui una ricarica.

credit-expires-subject = { $account }: { $amount } in scadenza il { $date }
credit-expires-body =
    { $kind ->
        [pocket] Il pacchetto «{ $pocket }» del conto { $account }, con { $amount }, scadrà il { $date }
       *[balance] Il credito del conto { $account }, { $amount }, scadrà il { $date }
    }, { $days ->
        [0] tra meno di un giorno
        [one] tra un giorno
       *[other] tra { $days } giorni
    }.

    Dopo non potrà più essere utilizzato.

credit-expired-subject = { $account }: { $amount } di credito scaduto
credit-expired-body =
    { $kind ->
        [pocket] Il pacchetto «{ $pocket }» del conto { $account }, con { $amount }, è scaduto perché non è stato utilizzato in tempo.
       *[balance] Il credito del conto { $account }, { $amount }, è scaduto perché non è stato utilizzato in tempo.
    }

top-up-subject = { $account }: abbiamo ricevuto { $amount }
top-up-body =
    Abbiamo accreditato { $amount } sul conto { $account }. Grazie.

    Riferimento: { $reference }
    Credito attuale: { $balance }

rates-change-subject = { $account }: nuovi prezzi in «{ $deck }»
rates-change-body =
    { $count ->
        [0] Cambiano le condizioni
        [one] Cambia un prezzo
       *[other] Cambiano { $count } prezzi
    } del listino «{ $deck }» applicato al conto { $account }. I prezzi sono in { $currency } al minuto.

    { $table }

    Le chiamate a cui si è risposto prima di una variazione mantengono il prezzo precedente.
rates-change-more =
    { $more ->
        [one] Un'altra variazione non è mostrata
       *[other] Altre { $more } variazioni non sono mostrate
    } qui.
rates-list = Il listino completo: { $link }
rates-list-request = L'elenco completo è disponibile su richiesta.
rates-steps = Dopo ogni prezzo sono indicati gli scatti: con 30/6 si addebitano per intero i primi 30 secondi e poi ogni 6 secondi.
rates-next = Se due prezzi sono separati da |, il secondo vale dopo il primo scatto.
rates-fee = L'importo dopo il + è addebitato una volta per ogni chiamata con risposta.
rates-hours = Orario di «{ $period }»: { $times }.
rates-hours-changed = Orario di «{ $period }» dal { $date }: { $times }; fino ad allora: { $before }.
rates-overlap = Quando valgono insieme più di questi orari, dal { $date } conta il primo in quest'ordine: { $order }.
rates-rounding =
    Dal { $date } gli importi sono arrotondati { $new ->
        [up] per eccesso
        [down] per difetto
       *[half-up] al valore più vicino
    } al quinto decimale; fino ad allora { $old ->
        [up] per eccesso
        [down] per difetto
       *[half-up] al valore più vicino
    }.
rates-old-currency = I prezzi precedenti sono in { $oldCurrency } al minuto.
weekdays = lun mar mer gio ven sab dom
rates-prefix = Prefisso
rates-destination = Destinazione
rates-old = Attuale
rates-new = Nuovo
rates-from = Dal
rates-added = (nuovo)
rates-removed = (cessa)
