import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.xml.bind.JAXBContext;
import javax.xml.bind.JAXBElement;
import javax.xml.namespace.QName;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.EbXMLFactory30;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.*;
import org.openehealth.ipf.commons.ihe.xds.core.requests.ProvideAndRegisterDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.lcm.SubmitObjectsRequest;
import org.openehealth.ipf.commons.ihe.xds.core.transform.requests.ProvideAndRegisterDocumentSetTransformer;

/**
 * Writes an XDM archive of one CDA with the metadata classes of IPF and the ZIP of the JDK.
 *
 * Arguments: archive, CDA, uniqueId, INS, its OID, birth name, given name, birth date (yyyymmdd), sex, professional,
 * structure, "replaces" or "new".
 */
public class XdmMaker {
    public static void main(String[] args) throws Exception {
        byte[] cda = Files.readAllBytes(Path.of(args[1]));
        Identifiable patient = new Identifiable(args[3], new AssigningAuthority(args[4]));
        SubmissionSet set = submissionSet(patient, author(args));
        DocumentEntry entry = documentEntry(args, cda, patient);

        ProvideAndRegisterDocumentSet request = new ProvideAndRegisterDocumentSet();
        request.setSubmissionSet(set);
        request.getDocuments().add(new Document(entry, null));
        request.getAssociations().add(association(AssociationType.HAS_MEMBER, set.getEntryUuid(), entry.getEntryUuid()));
        if (args[11].equals("replaces")) {
            String unknown = "urn:uuid:11111111-2222-4333-8444-555555555555";
            request.getAssociations().add(association(AssociationType.REPLACE, entry.getEntryUuid(), unknown));
        }
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(Path.of(args[0])))) {
            add(zip, "INDEX.HTM", "<html/>".getBytes(StandardCharsets.US_ASCII));
            add(zip, "README.TXT", "Envoi".getBytes(StandardCharsets.US_ASCII));
            zip.putNextEntry(new ZipEntry("IHE_XDM/"));
            zip.putNextEntry(new ZipEntry("IHE_XDM/SUBSET01/"));
            add(zip, "IHE_XDM/SUBSET01/DOC0001.XML", cda);
            zip.putNextEntry(new ZipEntry("IHE_XDM/SUBSET01/METADATA.XML"));
            write(request, zip);
            zip.closeEntry();
        }
    }

    private static SubmissionSet submissionSet(Identifiable patient, Author author) {
        SubmissionSet set = new SubmissionSet();
        set.setEntryUuid("SubmissionSet01");
        set.setUniqueId("1.2.250.1.213.99.4712");
        set.setSourceId("1.2.250.1.213.99.1");
        set.setPatientId(patient);
        set.setSubmissionTime("20261001074500");
        set.setTitle(new LocalizedString("Lot inventé"));
        set.setContentTypeCode(code("04", "Hospitalisation", "1.2.250.1.213.2.2"));
        set.setAuthor(author);
        set.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        return set;
    }

    private static DocumentEntry documentEntry(String[] args, byte[] cda, Identifiable patient) throws Exception {
        DocumentEntry entry = new DocumentEntry();
        entry.setEntryUuid("Document01");
        entry.setUniqueId(args[2]);
        entry.setPatientId(patient);
        entry.setMimeType("text/xml");
        entry.setUri("DOC0001.XML");
        entry.setHash(HexFormat.of().withUpperCase().formatHex(MessageDigest.getInstance("SHA-1").digest(cda)));
        entry.setSize((long) cda.length);
        entry.setLanguageCode("fr-FR");
        entry.setCreationTime("20261001073000");
        entry.setServiceStartTime("20261001070000");
        entry.setTitle(new LocalizedString("Imagerie inventée", "fr-FR", "UTF-8"));
        entry.setComments(new LocalizedString("Fait par IPF"));
        entry.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        entry.setClassCode(code("31", "Imagerie médicale", "1.2.250.1.213.1.1.4.1"));
        entry.setTypeCode(code("18748-4", "CR d'imagerie médicale", "2.16.840.1.113883.6.1"));
        entry.setFormatCode(code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "Suffisant", "1.3.6.1.4.1.19376.1.2.3"));
        entry.setHealthcareFacilityTypeCode(code("SA01", "Établissement public de santé", "1.2.250.1.71.4.2.4"));
        entry.setPracticeSettingCode(code("ETABLISSEMENT", "Établissement de santé", "1.2.250.1.213.1.1.4.9"));
        entry.getConfidentialityCodes().add(code("N", "Normal", "2.16.840.1.113883.5.25"));
        entry.getConfidentialityCodes().add(code("MASQUE_PS", "Masqué aux professionnels", "1.2.250.1.213.1.1.4.13"));
        entry.getAuthors().add(author(args));
        entry.setLegalAuthenticator(professional(args));
        entry.setSourcePatientId(new Identifiable("IPP-4711", new AssigningAuthority("1.2.250.1.213.99.7")));
        PatientInfo info = new PatientInfo();
        info.getIds().add(patient);
        info.getNames().add(new XpnName(args[5], args[6], null, null, null, null));
        info.setDateOfBirth(args[7]);
        info.setGender(args[8]);
        entry.setSourcePatientInfo(info);
        return entry;
    }

    private static Author author(String[] args) {
        Author author = new Author();
        author.setAuthorPerson(professional(args));
        author.getAuthorInstitution().add(
            new Organization("Hôpital inventé", args[10], new AssigningAuthority("1.2.250.1.71.4.2.2")));
        author.getAuthorSpecialty().add(
            new Identifiable("G15_10/SM44", new AssigningAuthority("1.2.250.1.213.1.1.4.5")));
        return author;
    }

    private static Person professional(String[] args) {
        Identifiable id = new Identifiable(args[9], new AssigningAuthority("1.2.250.1.71.4.2.1"));
        return new Person(id, new XcnName("INVENTÉE", "Camille", null, null, "DR", null));
    }

    private static Association association(AssociationType type, String source, String target) {
        Association association = new Association(type, type.name(), source, target);
        if (type == AssociationType.HAS_MEMBER) {
            association.setLabel(AssociationLabel.ORIGINAL);
        }
        return association;
    }

    private static Code code(String code, String label, String system) {
        return new Code(code, new LocalizedString(label), system);
    }

    private static void add(ZipOutputStream zip, String name, byte[] content) throws Exception {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(content);
        zip.closeEntry();
    }

    private static void write(ProvideAndRegisterDocumentSet request, OutputStream output) throws Exception {
        SubmitObjectsRequest submission = new ProvideAndRegisterDocumentSetTransformer(new EbXMLFactory30())
            .toEbXML(request).getInternal().getSubmitObjectsRequest();
        QName name = new QName("urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0", "SubmitObjectsRequest");
        JAXBContext.newInstance(SubmitObjectsRequest.class).createMarshaller()
            .marshal(new JAXBElement<>(name, SubmitObjectsRequest.class, submission), output);
    }
}
