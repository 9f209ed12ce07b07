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
        [one] Cambia un prezzo
       *[other] Cambiano { $count } prezzi
    } del listino «{ $deck }» applicato al conto { $account }. I prezzi sono in { $currency } al minuto.

    { $table }

    Le chiamate a cui si è risposto prima di una variazione mantengono il prezzo precedente.
rates-change-more =
    { $more ->
        [one] Un'altra variazione non è mostrata
       *[other] Altre { $more } variazioni non sono mostrate
    } qui; l'elenco completo è disponibile su richiesta.
rates-prefix = Prefisso
rates-destination = Destinazione
rates-old = Attuale
rates-new = Nuovo
rates-from = Dal
rates-added = (nuovo)
rates-removed = (cessa)
