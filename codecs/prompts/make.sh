#!/bin/sh
# Makes the built-in prompts: sounds/LANG/NAME.wav, PCM of 8 kHz, 16 bits, one channel, without pauses at the
# ends, as loud as each other. Run by hand where a text changes; the files are committed. Needs espeak-ng and
# sox (Debian: apt-get install espeak-ng sox).
set -eu
cd "$(dirname "$0")"

# say LANG VOICE NAME TEXT
say() {
    mkdir -p "sounds/$1"
    espeak-ng -v "$2" -s 170 -w /dev/stdout "$4" |
        sox -t wav - -D -r 8000 -b 16 -c 1 "sounds/$1/$3.wav" \
            gain -3 silence 1 0.01 0.3% reverse silence 1 0.01 0.3% reverse \
            highpass 200 norm -6 pad 0.1 0.1
}

say en en-gb low-balance "Attention. Your balance is almost used up. This call will end soon."
say en en-gb no-credit "Your balance is not enough for this call."
say en en-gb not-in-service "The number that you dialled is not in service."
say en en-gb test-call "This is a test call. Your connection works."

say es es low-balance "Atención. Su saldo está a punto de agotarse. La llamada terminará pronto."
say es es no-credit "Su saldo no es suficiente para esta llamada."
say es es not-in-service "El número marcado no está en servicio."
say es es test-call "Esta es una llamada de prueba. Su conexión funciona."

say ru ru low-balance "Внимание. Средства на вашем счёте заканчиваются. Разговор скоро прервётся."
say ru ru no-credit "На вашем счёте недостаточно средств для этого звонка."
say ru ru not-in-service "Набранный вами номер не обслуживается."
say ru ru test-call "Это проверочный звонок. Связь работает."

say vi vi low-balance "Chú ý. Số dư của quý khách sắp hết. Cuộc gọi sẽ sớm kết thúc."
say vi vi no-credit "Số dư của quý khách không đủ cho cuộc gọi này."
say vi vi not-in-service "Số quý khách vừa gọi hiện không hoạt động."
say vi vi test-call "Đây là cuộc gọi thử. Kết nối của quý khách hoạt động tốt."

say it it low-balance "Attenzione. Il suo credito sta per esaurirsi. La chiamata terminerà a breve."
say it it no-credit "Il suo credito non è sufficiente per questa chiamata."
say it it not-in-service "Il numero selezionato non è attivo."
say it it test-call "Questa è una chiamata di prova. La connessione funziona."

say nl nl low-balance "Let op. Uw tegoed is bijna op. Dit gesprek wordt binnenkort beëindigd."
say nl nl no-credit "Uw tegoed is niet voldoende voor dit gesprek."
say nl nl not-in-service "Het gekozen nummer is niet in gebruik."
say nl nl test-call "Dit is een testgesprek. Uw verbinding werkt."
