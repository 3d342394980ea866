"""What things are called in the four places of the example month, each in its own language."""

from typing import NamedTuple


class Programme(NamedTuple):
    """A programme of tasks of general interest."""

    code: str
    title: str
    association: str
    """Who confirms its hours."""


class Words(NamedTuple):
    """A place's words."""

    levels: tuple[str, str, str]
    programmes: tuple[Programme, ...]
    """The last one's budget turns out too small."""
    employers: tuple[tuple[str, str], ...]
    """Name (`{}` is a family) and sector."""
    labels: tuple[str, ...]
    """What purchases are for."""
    mail: str


WORDS = {
    "valmont": Words(
        levels=("entraide", "savoir-faire", "encadrement"),
        programmes=(
            Programme("chemins", "Entretien des chemins et des haies", "Les Sentiers de Valmont"),
            Programme("aines", "Visites et courses pour les aînés", "Le Fil des aînés"),
            Programme("devoirs", "Aide aux devoirs à l'école", "Foyer laïque"),
            Programme("repair", "Atelier de réparation « rien ne se jette »", "Ressourcerie"),
            Programme("jardin", "Jardin partagé ; compost du quartier", "Les Mains vertes"),
        ),
        employers=(
            ("Scierie {}", "bois"),
            ("Transports {}", "transport"),
            ("Maçonnerie {}", "bâtiment"),
            ("Imprimerie {}", "imprimerie"),
            ("EHPAD Les Tilleuls", "soin"),
            ("Conserverie {}", "alimentaire"),
            ("Cabinet {} & Associés", "conseil"),
            ("Mécanique {}", "industrie"),
        ),
        labels=("pain", "légumes", "café", "livres", "piscine", "cantine", "réparation", "crèche"),
        mail="valmont.example",
    ),
    "jura": Words(
        levels=("coup-de-main", "métier", "conduite"),
        programmes=(
            Programme("murs", "Murs de pierres sèches", "Amis des murs"),
            Programme("taxi", "Transport solidaire des Franches", "Bus des crêtes"),
            Programme("patois", "Veillées et mémoire du patois", "Mémoires d'Ajoie"),
            Programme("foret", "Nettoyage des forêts après la neige", "Bourgeoisie"),
            Programme("repas", "Repas à domicile", "Accueil de jour"),
        ),
        employers=(
            ("Horlogerie {} SA", "horlogerie"),
            ("Fromagerie {}", "alimentaire"),
            ("Décolletage {}", "industrie"),
            ("Clinique des Franches", "soin"),
            ("Menuiserie {} Sàrl", "bois"),
            ("Garage {}", "mécanique"),
            ("Hôtel {}", "tourisme"),
            ("Fiduciaire {}", "conseil"),
        ),
        labels=("tête de moine", "bois", "café", "bus", "patinoire", "garde", "livres", "viande"),
        mail="jura.example",
    ),
    "brenta": Words(
        levels=("aiuto", "mestiere", "guida"),
        programmes=(
            Programme("argini", "Cura degli argini del Brenta", "Amici del fiume"),
            Programme("nonni", "Compagnia agli anziani", "Filo d'argento"),
            Programme("doposcuola", "Doposcuola di quartiere", "Circolo del Borgo"),
            Programme("riuso", "Officina del riuso", "Mercatino del riuso"),
            Programme("orti", "Orti comunali; semi antichi", "Terra nostra"),
        ),
        employers=(
            ("Ceramiche {}", "ceramica"),
            ("Distilleria {}", "alimentare"),
            ("Tessitura {}", "tessile"),
            ("Autotrasporti {}", "trasporti"),
            ("Casa di riposo Santa Lucia", "assistenza"),
            ("Mobilificio {}", "legno"),
            ("Studio {} e Soci", "consulenza"),
            ("Officine {}", "meccanica"),
        ),
        labels=("pane", "verdura", "caffè", "libri", "piscina", "mensa", "asilo", "formaggio"),
        mail="brenta.example",
    ),
    "liria": Words(
        levels=("ayuda", "oficio", "coordinación"),
        programmes=(
            Programme("acequias", "Limpieza de acequias y márgenes", "Comunidad de regantes"),
            Programme("mayores", "Acompañamiento a mayores", "Manos amigas"),
            Programme("repaso", "Repaso escolar en la biblioteca", "Amics de la lectura"),
            Programme("taller", "Taller «reparar antes que tirar»", "Taller del Túria"),
            Programme("huerto", "Huerto urbano; banco de semillas", "La Llavor"),
        ),
        employers=(
            ("Cítricos {}", "agricultura"),
            ("Cooperativa {}", "agricultura"),
            ("Azulejos {}", "cerámica"),
            ("Transportes {}", "transporte"),
            ("Residencia San Miguel", "cuidados"),
            ("Construcciones {}", "construcción"),
            ("Asesoría {}", "consultoría"),
            ("Talleres {}", "mecánica"),
        ),
        labels=("pan", "fruta", "horchata", "libros", "deporte", "comedor", "escoleta", "aceite"),
        mail="liria.example",
    ),
}
