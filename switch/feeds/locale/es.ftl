# Correos a los titulares de cuentas, español.

footer = Este mensaje se ha enviado automáticamente para la cuenta { $account }.
talk-time = { $seconds ->
        [0] { $minutes } min
       *[other] { $minutes } min { $seconds } s
    }

low-balance-subject = { $account }: quedan { $balance } de saldo
low-balance-body =
    El saldo de la cuenta { $account } es de { $balance }, por debajo del nivel de aviso de { $threshold }.

    Cuando se agote, las llamadas en curso terminarán y las nuevas se rechazarán. Una recarga surte efecto de inmediato, también para las llamadas en curso.

low-minutes-subject =
    { $account }: { $minutes ->
        [0] queda menos de un minuto
        [one] queda un minuto
       *[other] quedan { $minutes } minutos
    }
low-minutes-body =
    { $minutes ->
        [0] Queda menos de un minuto
        [one] Queda un minuto
       *[other] Quedan { $minutes } minutos
    } en el bono «{ $pocket }» de la cuenta { $account }, y el saldo no alcanza para llamar después.

    Recargue la cuenta si desea seguir llamando.

credit-expires-subject = { $account }: { $amount } caducarán el { $date }
credit-expires-body =
    { $kind ->
        [pocket] Los { $amount } del bono «{ $pocket }» de la cuenta { $account } caducarán el { $date }
       *[balance] El saldo de la cuenta { $account }, { $amount }, caducará el { $date }
    }, { $days ->
        [0] en menos de un día
        [one] dentro de un día
       *[other] dentro de { $days } días
    }.

    Después ya no se podrá utilizar.

credit-expired-subject = { $account }: han caducado { $amount }
credit-expired-body =
    { $kind ->
        [pocket] Los { $amount } del bono «{ $pocket }» de la cuenta { $account } han caducado porque no se utilizaron a tiempo.
       *[balance] El saldo de la cuenta { $account }, { $amount }, ha caducado porque no se utilizó a tiempo.
    }

top-up-subject = { $account }: hemos recibido { $amount }
top-up-body =
    Hemos abonado { $amount } en la cuenta { $account }. Gracias.

    Referencia: { $reference }
    Saldo actual: { $balance }

rates-change-subject = { $account }: nuevos precios en «{ $deck }»
rates-change-body =
    { $count ->
        [0] Cambian las condiciones
        [one] Cambia un precio
       *[other] Cambian { $count } precios
    } de la tarifa «{ $deck }» que se aplica a la cuenta { $account }. Los precios son en { $currency } por minuto.

    { $table }

    Las llamadas contestadas antes de un cambio conservan el precio anterior.
rates-change-more =
    { $more ->
        [one] Hay un cambio más que no se muestra
       *[other] Hay { $more } cambios más que no se muestran
    } aquí.
rates-list = La tarifa completa: { $link }
rates-list-request = Puede solicitar la lista completa.
rates-steps = Tras cada precio figuran los intervalos de facturación: con 30/6 se cobran enteros los primeros 30 segundos y después cada 6 segundos.
rates-next = De dos precios separados por |, el segundo se aplica después del primer intervalo.
rates-fee = El importe que sigue a + se cobra una vez por llamada contestada.
rates-hours = Horario de «{ $period }»: { $times }.
rates-hours-changed = Horario de «{ $period }» desde el { $date }: { $times }; hasta entonces: { $before }.
rates-overlap = Cuando coinciden varios de estos horarios, desde el { $date } se aplica el primero en este orden: { $order }.
rates-rounding =
    Desde el { $date } los importes se redondean { $new ->
        [up] hacia arriba
        [down] hacia abajo
       *[half-up] al valor más próximo
    } con cinco decimales; hasta entonces, { $old ->
        [up] hacia arriba
        [down] hacia abajo
       *[half-up] al valor más próximo
    }.
rates-old-currency = Los precios anteriores son en { $oldCurrency } por minuto.
weekdays = lun mar mié jue vie sáb dom
rates-prefix = Prefijo
rates-destination = Destino
rates-old = Actual
rates-new = Nuevo
rates-from = Desde
rates-added = (nuevo)
rates-removed = (baja)
