# Berichten aan rekeninghouders, Nederlands.

footer = Dit bericht is automatisch verzonden voor account { $account }.
talk-time = { $seconds ->
        [0] { $minutes } min
       *[other] { $minutes } min { $seconds } s
    }

low-balance-subject = { $account }: tegoed gedaald tot { $balance }
low-balance-body =
    Het tegoed van account { $account } is { $balance }. Dat is minder dan de waarschuwingsgrens van { $threshold }.

    Als het op is, worden lopende gesprekken beëindigd en nieuwe geweigerd. Opwaarderen werkt direct, ook voor lopende gesprekken.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] minder dan één minuut over
        [one] nog één minuut over
       *[other] nog { $minutes } minuten over
    }
low-minutes-body =
    { $minutes ->
        [0] Er is minder dan één minuut over
        [one] Er is nog één minuut over
       *[other] Er zijn nog { $minutes } minuten over
    } in de bundel “{ $pocket }” van account { $account }, en het tegoed is niet genoeg om daarna te bellen.

    Waardeer op als u wilt blijven bellen.

credit-expires-subject = { $account }: { $amount } vervalt op { $date }
credit-expires-body =
    { $kind ->
        [pocket] { $amount } in de bundel “{ $pocket }” van account { $account } vervalt op { $date }
       *[balance] Het tegoed van account { $account }, { $amount }, vervalt op { $date }
    }, { $days ->
        [0] over minder dan een dag
        [one] over één dag
       *[other] over { $days } dagen
    }.

    Daarna kan het niet meer worden gebruikt.

credit-expired-subject = { $account }: { $amount } is vervallen
credit-expired-body =
    { $kind ->
        [pocket] { $amount } in de bundel “{ $pocket }” van account { $account } is vervallen, omdat het niet op tijd is gebruikt.
       *[balance] Het tegoed van account { $account }, { $amount }, is vervallen, omdat het niet op tijd is gebruikt.
    }

top-up-subject = { $account }: { $amount } ontvangen
top-up-body =
    Wij hebben { $amount } bijgeschreven op account { $account }. Hartelijk dank.

    Kenmerk: { $reference }
    Nieuw tegoed: { $balance }

rates-change-subject = { $account }: nieuwe prijzen in “{ $deck }”
rates-change-body =
    { $count ->
        [0] De voorwaarden veranderen
        [one] Er verandert één prijs
       *[other] Er veranderen { $count } prijzen
    } in de prijslijst “{ $deck }” van account { $account }. De prijzen zijn in { $currency } per minuut.

    { $table }

    Voor gesprekken die vóór een wijziging zijn aangenomen, blijft de oude prijs gelden.
rates-change-more =
    { $more ->
        [one] Nog één wijziging staat
       *[other] Nog { $more } wijzigingen staan
    } hier niet bij.
rates-list = De volledige prijslijst: { $link }
rates-list-request = De volledige lijst is op aanvraag beschikbaar.
rates-steps = Achter elke prijs staan de tariefeenheden: bij 30/6 worden de eerste 30 seconden geheel berekend en daarna elke 6 seconden.
rates-next = Staan er twee prijzen met | ertussen, dan geldt de tweede na de eerste eenheid.
rates-fee = Het bedrag na + wordt één keer per beantwoord gesprek berekend.
rates-hours = Tijden van “{ $period }”: { $times }.
rates-hours-changed = Tijden van “{ $period }” vanaf { $date }: { $times }; tot dan: { $before }.
rates-overlap = Gelden meerdere van deze perioden tegelijk, dan telt vanaf { $date } de eerste in deze volgorde: { $order }.
rates-rounding =
    Vanaf { $date } worden bedragen op vijf decimalen { $new ->
        [up] naar boven
        [down] naar beneden
       *[half-up] op de dichtstbijzijnde waarde
    } afgerond; tot dan { $old ->
        [up] naar boven
        [down] naar beneden
       *[half-up] op de dichtstbijzijnde waarde
    }.
rates-old-currency = De oude prijzen zijn in { $oldCurrency } per minuut.
weekdays = ma di wo do vr za zo
rates-prefix = Prefix
rates-destination = Bestemming
rates-old = Oud
rates-new = Nieuw
rates-from = Vanaf
rates-added = (nieuw)
rates-removed = (vervalt)
