/// The sentences of a synthetic report, by section, one template a line.
///
/// - `<le maladie>`: a phrase of a category with its determiner: `le`, `un`, `son`; with a preposition `d'un`, `de`,
///   `du`, `au`, `de_lieu` (before a country); `-` for none. `[le patient]`: the report's patient.
/// - `<le maladie#2>`: another phrase than `maladie`; `<le fonction:poids>`: one that starts with this word; `<le
///   $maladie>`: the report's own, the same in all its sentences.
/// - `mot~x` agrees in gender and number with the phrase `x` of the sentence, `mot^x` (a verb) in number; `x` is
///   written as in the phrase, or `patient`; `x+y` for two subjects.
/// - `{…}`: a number. `mot/POS` names the part of speech where `SyntheticGrammar.functionWords` does not.
enum SyntheticTemplates {
  /// Section after section, in the order of a report.
  static let sections: [(name: String, sentences: Int, templates: String)] = [
    ("motif", 1, admission), ("antécédents", 2, history), ("symptômes", 2, complaints), ("examen", 2, examination),
    ("constantes", 1, vitals), ("biologie", 2, laboratory), ("imagerie", 2, imaging), ("diagnostic", 1, diagnosis),
    ("traitement", 2, treatment), ("évolution", 2, outcome), ("sortie", 1, discharge),
  ]

  private static let admission = """
    [Un patient] âgé~patient/ADJ de {ans} est admis~patient/VERB aux urgences/NOUN pour <un symptôme> évoluant/VERB depuis {durée} .
    [Le patient] , {ans} , est hospitalisé~patient/VERB pour <un $maladie> .
    [Un patient] de {ans} consulte/VERB pour <un symptôme> associé~symptôme/VERB à <un symptôme#2> .
    [Le patient] est adressé~patient/VERB par <son soignant> pour <un imagerie> devant <un symptôme> .
    Motif/NOUN d' hospitalisation/NOUN : <- $maladie> chez [un patient] de {ans} .
    [Un patient] de {ans} , suivi~patient/VERB pour <un $maladie> , se présente/VERB avec <un symptôme> depuis {durée} .
    Nous rapportons/VERB le cas/NOUN [d'un patient] de {ans} atteint~patient/ADJ <d'un $maladie> .
    """

  private static let history = """
    On note/VERB dans ses antécédents/NOUN <un maladie> traité~maladie/VERB par <- médicament> depuis {durée} .
    [Le patient] a pour antécédents/NOUN <un maladie> et <un maladie#2> .
    Il~patient est porteur~patient/ADJ <d'un dispositif> depuis {durée} .
    <Le proche> [du patient] est atteint~proche/ADJ <d'un maladie> .
    Il~patient a subi/VERB <un chirurgie> il y a/VERB {durée} .
    Il~patient ne prend/VERB pas d' autre/ADJ traitement/NOUN que <le médicament> .
    Aucune allergie/NOUN <au médicament> n' est connue/VERB .
    Il~patient est revenu~patient/VERB <de_lieu lieu> il y a/VERB {durée} .
    Il~patient fume/VERB {nombre} cigarettes/NOUN par jour/NOUN depuis {durée} .
    [Le patient] ne présente/VERB aucun antécédent/NOUN particulier/ADJ .
    Il~patient vit/VERB seul~patient/ADJ et marche/VERB avec <un dispositif> .
    """

  private static let complaints = """
    [Le patient] se plaint/VERB <d'un symptôme> et <d'un symptôme#2> .
    <Le symptôme> a^symptôme débuté/VERB il y a/VERB {durée} et résiste^symptôme/VERB <au médicament> .
    Il~patient décrit/VERB <un symptôme> , sans <- symptôme#2> .
    <Le symptôme> s' aggrave^symptôme/VERB la nuit/NOUN .
    Depuis {durée} , il~patient présente/VERB <un symptôme> , <un symptôme#2> et <un symptôme#3> .
    Il~patient signale/VERB aussi <un symptôme> qui gêne^symptôme/VERB <le fonction> .
    Il n' y a/VERB pas <de symptôme> ni <de symptôme#2> .
    """

  private static let examination = """
    L' examen/NOUN clinique/ADJ retrouve/VERB <un signe> .
    L' examen/NOUN met/VERB en évidence/NOUN <un signe> et <un signe#2> .
    La palpation/NOUN <du anat> est douloureuse/ADJ .
    À l' auscultation/NOUN , on entend/VERB <un signe> .
    <Le anat> est souple~anat/ADJ et indolore~anat/ADJ .
    On ne retrouve/VERB pas <de signe> .
    <Le anat> est le siège/NOUN <d'un signe> de {taille} .
    L' état/NOUN général/ADJ est conservé/VERB , sans <- signe> .
    L' examen/NOUN <du anat> et <du anat#2> est normal/ADJ .
    """

  private static let vitals = """
    <Le fonction:pression> est à {tension} , <le fonction:fréquence> à {pouls} .
    <Le fonction:température> est mesurée/VERB à {température} et <le fonction:saturation> à {pourcentage} .
    <Le fonction> est conservé~fonction/VERB .
    <Le fonction:poids> est de {poids} pour une taille/NOUN de {centimètres} .
    <Le fonction> et <le fonction#2> sont surveillé~fonction+fonction#2/VERB toutes/ADJ les {heures} .
    """

  private static let laboratory = """
    <Le dosage> montre/VERB <un substance> à {valeur} .
    <Le dosage> est normal~dosage/ADJ .
    La biologie/NOUN retrouve/VERB un taux/NOUN <de substance> à {valeur} .
    <Le dosage> revient/VERB positif~dosage/ADJ <au germe> .
    On note/VERB une élévation/NOUN <du substance> et une baisse/NOUN <du substance#2> .
    <Le dosage> et <le dosage#2> sont demandé~dosage+dosage#2/VERB .
    L' infection/NOUN à <- germe> est confirmée/VERB par <le dosage> .
    """

  private static let imaging = """
    <Le imagerie> met/VERB en évidence/NOUN <un signe> .
    <Le imagerie> ne montre/VERB pas d' anomalie/NOUN .
    <Un imagerie> est réalisé~imagerie/VERB en urgence/NOUN et confirme/VERB <le $maladie> .
    <Le imagerie> , complété~imagerie/VERB par <un imagerie#2> , élimine/VERB <un maladie> .
    <Un imagerie> de contrôle/NOUN est prévu~imagerie/VERB dans {durée} .
    On visualise/VERB <un signe> de {taille} au contact/NOUN <du anat> .
    <Le imagerie> est en faveur/NOUN <d'un maladie> .
    """

  private static let diagnosis = """
    Le diagnostic/NOUN <de $maladie> est retenu/VERB .
    Au total/NOUN , il s' agit/VERB <d'un $maladie> .
    Ces éléments/NOUN évoquent/VERB <un $maladie> compliqué~$maladie/VERB <d'un complication> .
    Le diagnostic/NOUN <de maladie> est écarté/VERB au profit/NOUN <du $maladie> .
    <Le soignant> conclut/VERB à <un $maladie> .
    """

  private static let treatment = """
    Un traitement/NOUN par <- $médicament> {dose} est instauré/VERB .
    [Le patient] reçoit/VERB <du $médicament> à la dose/NOUN de {dose} par jour/NOUN .
    <Le médicament> est arrêté~médicament/VERB en raison/NOUN <d'un complication> .
    On associe/VERB <le $médicament> {dose} <au médicament> pendant {durée} .
    <Un chirurgie> est réalisé~chirurgie/VERB sous anesthésie/NOUN générale/ADJ .
    <Un soin> est débuté~soin/VERB pour une durée/NOUN de {durée} .
    La mise/NOUN en place/NOUN <d'un dispositif> permet/VERB <un soin> .
    <Le chirurgie> est confié~chirurgie/VERB <au soignant> .
    La dose/NOUN <de médicament> est portée/VERB à {dose} .
    <Le soin> et <le soin#2> sont poursuivi~soin+soin#2/VERB pendant {durée} .
    """

  private static let outcome = """
    L' évolution/NOUN est favorable/ADJ sous <- $médicament> .
    <Le symptôme> a^symptôme disparu/VERB en {durée} .
    L' évolution/NOUN est marquée/VERB par <un complication> .
    <Un complication> survient/VERB {durée} après <le chirurgie> .
    <Le complication> est traité~complication/VERB par <- soin> .
    <Le fonction> s' améliore/VERB progressivement/ADV .
    <Le dispositif> est^dispositif retiré~dispositif/VERB au bout/NOUN de {durée} .
    On ne note/VERB aucune récidive/NOUN <du symptôme> .
    [Le patient] est transféré~patient/VERB en réanimation/NOUN pour <un complication> .
    """

  private static let discharge = """
    [Le patient] sort/VERB à domicile/NOUN avec <- $médicament> {dose} par jour/NOUN .
    Il~patient sera/AUX revu~patient/VERB en consultation/NOUN par <le soignant> dans {durée} .
    <Un soin> est poursuivi~soin/VERB à domicile/NOUN .
    Un contrôle/NOUN <du dosage> est prévu/VERB dans {durée} .
    À {durée} , [le patient] ne présente/VERB plus <de symptôme> .
    Il~patient est convoqué~patient/VERB dans {durée} pour <un imagerie> .
    """
}
