/// The phrases that the templates draw from, one a line: gender (`m`, `f`) and `p` for plural, then the words.
///
/// The first word is a noun; words after a preposition or an article are nouns; other words are adjectives; `mot/POS`
/// says otherwise. `*` before the first word: no elision (aspirated h). `@anat` stands for "du" and a phrase of that
/// category, which become part of the outer one.
enum SyntheticLexicon {
  /// Category of the templates → QUAERO type and phrases.
  static let categories: [String: (entity: String, phrases: String)] = [
    "maladie": ("DISO", diseases), "symptôme": ("DISO", symptoms), "signe": ("DISO", signs),
    "complication": ("DISO", complications), "anat": ("ANAT", anatomy), "chirurgie": ("PROC", surgery),
    "imagerie": ("PROC", imaging), "dosage": ("PROC", assays), "soin": ("PROC", care), "médicament": ("CHEM", drugs),
    "substance": ("CHEM", substances), "dispositif": ("DEVI", devices), "fonction": ("PHYS", functions),
    "germe": ("LIVB", germs), "proche": ("LIVB", relatives), "soignant": ("LIVB", carers), "lieu": ("GEOG", places),
  ]

  private static let diseases = """
    m diabète de type/NOUN 2/NUM
    m diabète gestationnel
    f hypertension artérielle
    f insuffisance cardiaque
    f insuffisance rénale chronique
    f insuffisance respiratoire aiguë
    f pneumonie
    f pneumopathie d' inhalation
    f embolie pulmonaire
    f bronchite chronique
    m asthme sévère
    f cirrhose alcoolique
    f hépatite C/PROPN
    f pancréatite aiguë
    f appendicite
    f cholécystite
    m ulcère gastrique
    f maladie de Crohn/PROPN
    f rectocolite hémorragique
    m accident vasculaire cérébral
    f épilepsie
    f sclérose en plaques
    f maladie de Parkinson/PROPN
    f méningite
    f migraine
    f polyarthrite rhumatoïde
    f ostéoporose
    f arthrose @anat
    f fracture @anat
    f infection @anat
    m cancer @anat
    f tumeur bénigne @anat
    m abcès @anat
    m kyste @anat
    f lésion @anat
    f anémie ferriprive
    f leucémie aiguë
    m lymphome
    f thrombose veineuse profonde
    f fibrillation auriculaire
    f sténose aortique
    m infarctus du myocarde
    m psoriasis
    m eczéma atopique
    m zona
    f hypothyroïdie
    f pyélonéphrite
    f cystite
    m syndrome dépressif
    m glaucome
    f cataracte
    *f hernie discale
    *f hernie inguinale
    m paludisme
    f tuberculose
    """

  private static let symptoms = """
    f douleur @anat
    fp douleurs abdominales
    f douleur thoracique
    fp céphalées
    fp nausées
    mp vomissements
    f dyspnée d' effort
    f toux sèche
    f toux productive
    f fièvre
    f asthénie
    m amaigrissement
    f anorexie
    fp palpitations
    mp vertiges
    f diarrhée
    f constipation
    m prurit
    fp sueurs nocturnes
    fp paresthésies
    fp crampes nocturnes
    mp frissons
    f insomnie
    f fatigue intense
    f gêne @anat
    f raideur @anat
    fp brûlures mictionnelles
    f baisse de l' acuité visuelle
    *m hoquet persistant
    fp myalgies
    """

  private static let signs = """
    m œdème @anat
    mp râles crépitants
    m souffle systolique
    m ictère
    f pâleur cutanée
    f cyanose
    f défense abdominale
    f masse @anat
    f adénopathie cervicale
    m *hématome @anat
    f éruption cutanée
    m déficit moteur
    f tuméfaction @anat
    f splénomégalie
    f hépatomégalie
    f tachycardie
    f rougeur @anat
    m épanchement pleural
    f opacité @anat
    m nodule @anat
    f calcification @anat
    """

  private static let complications = """
    m choc septique
    f détresse respiratoire
    f hémorragie digestive
    f phlébite
    f infection nosocomiale
    f escarre @anat
    f rétention urinaire
    f confusion mentale
    f réaction allergique
    f hyponatrémie
    f hyperkaliémie
    f insuffisance rénale aiguë
    m malaise vagal
    f dénutrition
    f récidive locale
    """

  private static let anatomy = """
    m genou droit
    m genou gauche
    *f hanche droite
    *f hanche gauche
    f épaule droite
    f épaule gauche
    m poignet
    f cheville
    m coude
    m fémur
    m tibia
    f colonne lombaire
    m rachis cervical
    m crâne
    m cerveau
    m foie
    m rein droit
    m rein gauche
    f rate
    m pancréas
    m estomac
    m côlon
    m rectum
    m poumon droit
    m poumon gauche
    f plèvre
    m cœur
    f aorte
    f vessie
    f prostate
    m sein gauche
    m sein droit
    m utérus
    m ovaire droit
    f thyroïde
    m larynx
    f langue
    m œil droit
    m œil gauche
    f oreille
    f peau
    f jambe droite
    m bras gauche
    f main droite
    m pied gauche
    """

  private static let surgery = """
    f appendicectomie
    f cholécystectomie
    f résection @anat
    f biopsie @anat
    m drainage @anat
    f ostéosynthèse @anat
    f arthroscopie @anat
    f ponction @anat
    f exérèse @anat
    m pontage coronarien
    f césarienne
    f angioplastie
    f transplantation rénale
    f thyroïdectomie
    f laparotomie
    f greffe de moelle/NOUN
    """

  private static let imaging = """
    f radiographie @anat
    m scanner @anat
    f échographie @anat
    f IRM @anat
    f scintigraphie osseuse
    f échographie cardiaque
    f coronarographie
    f angiographie
    f fibroscopie
    f coloscopie
    m électrocardiogramme
    m électroencéphalogramme
    f mammographie
    m doppler veineux
    """

  private static let assays = """
    f numération formule sanguine
    f glycémie à jeun
    f hémoglobine glyquée
    f ionogramme sanguin
    m dosage de la troponine
    m bilan hépatique
    m bilan lipidique
    f hémoculture
    m examen cytobactériologique
    f gazométrie artérielle
    f analyse d' urine
    m dosage de la ferritine
    """

  private static let care = """
    f kinésithérapie
    f oxygénothérapie
    f antibiothérapie
    f chimiothérapie
    f radiothérapie
    f dialyse
    f transfusion
    f rééducation
    f anticoagulation
    f corticothérapie
    m régime pauvre en sel
    f psychothérapie
    f nutrition entérale
    """

  private static let drugs = """
    m paracétamol
    m ibuprofène
    f amoxicilline
    f ceftriaxone
    f ciprofloxacine
    f metformine
    f insuline
    m furosémide
    m ramipril
    m bisoprolol
    f amlodipine
    f atorvastatine
    f aspirine
    m clopidogrel
    m rivaroxaban
    f warfarine
    f héparine
    f morphine
    m tramadol
    f prednisone
    m méthotrexate
    m infliximab
    f lévothyroxine
    m oméprazole
    m salbutamol
    f digoxine
    f amiodarone
    f sertraline
    m diazépam
    f gabapentine
    m valproate de sodium
    f lévétiracétam
    f vancomycine
    f gentamicine
    m fluconazole
    m aciclovir
    m tamoxifène
    f cyclophosphamide
    f rifampicine
    f artésunate
    """

  private static let substances = """
    m potassium
    m sodium
    f créatinine
    f hémoglobine
    f bilirubine
    m cholestérol
    f protéine C/PROPN réactive
    f albumine
    m calcium
    m glucose
    f ferritine
    fp transaminases
    """

  private static let devices = """
    m cathéter central
    f sonde urinaire
    f sonde nasogastrique
    f prothèse @anat
    m stimulateur cardiaque
    m défibrillateur implantable
    m stent actif
    m plâtre
    f attelle
    m drain thoracique
    m masque à oxygène
    f pompe à insuline
    mp bas de contention
    m fauteuil roulant
    """

  private static let functions = """
    f pression artérielle
    f fréquence cardiaque
    f fréquence respiratoire
    f température
    f diurèse
    m poids
    f saturation
    m transit
    f marche
    f déglutition
    m sommeil
    f cicatrisation
    f croissance
    m appétit
    """

  private static let germs = """
    m Escherichia/PROPN coli/PROPN
    m Staphylococcus/PROPN aureus/PROPN
    m Streptococcus/PROPN pneumoniae/PROPN
    f Pseudomonas/PROPN aeruginosa/PROPN
    f Klebsiella/PROPN pneumoniae/PROPN
    m Plasmodium/PROPN falciparum/PROPN
    m virus de la grippe
    m virus de la varicelle
    f Candida/PROPN albicans/PROPN
    m entérocoque
    """

  private static let relatives = """
    m père
    f mère
    m frère
    f sœur
    m fils
    f fille
    f tante
    m cousin
    """

  private static let carers = """
    m chirurgien
    m cardiologue
    f infirmière
    m kinésithérapeute
    f gynécologue
    m médecin traitant
    m neurologue
    m radiologue
    """

  private static let places = """
    m Sénégal/PROPN
    f Guyane/PROPN
    m Cameroun/PROPN
    f Bretagne/PROPN
    m Mali/PROPN
    f Guadeloupe/PROPN
    f Italie/PROPN
    f Thaïlande/PROPN
    m Maroc/PROPN
    """
}
